//! What patterns over argument values match, place by place.

use super::*;

/// Holds each value against a rule that asks for the pattern.
pub(super) fn check(pattern: &str, yes: &[Value], no: &[Value]) {
    let rule = Rule::allow(["tools/call t"]).unwrap().arg("v", [pattern]).unwrap();
    let policy = Policy::rules(resource(), [rule]).build().unwrap();
    let refusal = |value: &Value| {
        decide(&policy, caller("", &[]), call_with("t", &json!({ "v": value })), now())
            .err()
            .map(|denial| denial.failure().clone())
    };
    for value in yes {
        assert_eq!(refusal(value), None, "{pattern} {value}");
    }
    for value in no {
        assert_eq!(refusal(value), Some(Failure::Forbidden), "{pattern} {value}");
    }
}

#[test]
fn under_a_pattern_without_a_slash_paths_must_be_plain_all_the_same() {
    check(
        "**.md",
        &[json!("a.md"), json!("docs/a.md"), json!("..a.md"), json!(["a.md", "b.md"])],
        &[
            json!("../../etc/secret.md"),
            json!("docs/./a.md"),
            json!("docs//a.md"),
            json!("docs\\a.md"),
            json!("docs/%2e%2e/a.md"),
            json!("docs/%zz.md"),
            json!("\u{ff0e}\u{ff0e}/a.md"),
            json!(["a.md", "../b.md"]),
            json!("a.mdx"),
        ],
    );
    check(
        "public**",
        &[json!("public/a")],
        &[json!("public/../../etc/passwd"), json!("public/..")],
    );
    check("public*", &[json!("publicity"), json!("public x")], &[json!("public/a")]);
    check("say **", &[json!("say ?#:@ /x")], &[json!("say")]);
    check("run", &[json!("run")], &[json!("run "), json!("Run")]);
}

/// What begins with a star names something within the place a tool starts from.
#[test]
fn no_value_begins_elsewhere_than_its_pattern() {
    let elsewhere = |rest: &str| {
        let heads = [
            "/",
            "~/",
            "~root/",
            "C:/",
            "c:",
            "C|/",
            "%43:/",
            "C\u{ff1a}/",
            "%7e/",
            "%20/",
            "fil%65:",
            "file:/",
            "http:",
            "https://",
            " /",
            "\u{feff}/",
        ];
        heads.map(|head| json!(format!("{head}{rest}"))).to_vec()
    };
    check("**.md", &[json!("a.md"), json!("a/b@c:#?.md")], &elsewhere("etc/a.md"));
    check("**/a.md", &[json!("x/a.md"), json!("x y:/a.md.d/y/a.md")], &elsewhere("a.md"));
    check("*.md", &[json!("a.md"), json!("a b.md"), json!("caf\u{e9}.md")], &elsewhere("a.md"));
    check("*/a.md", &[json!("x/a.md")], &elsewhere("a.md"));
    // Forms of letters and signs that some readers take for the plain ones.
    for head in [
        "C\u{200b}:/",
        "\u{ff23}:/",
        "\u{2102}:/",
        "C\u{2236}/",
        "\u{ff5e}/",
        "ht\u{200b}tp://",
        "http\u{ff1a}",
    ] {
        check("**.md", &[json!("x/a.md")], &[json!(format!("{head}a.md"))]);
    }
    check("*.md", &[json!("file a.md")], &[json!("file%3aa.md"), json!("file\u{ff1a}a.md")]);
    check(
        "main/**",
        &[json!("main/C/x")],
        &[json!("main/C\u{200b}:/x"), json!("main/\u{ff23}:/x")],
    );
    check(
        "file=**",
        &[json!("file=a/b")],
        &[json!("file=/etc/passwd"), json!("file=~/x"), json!("file=http:x")],
    );
    // A sentence has a blank behind its colon.
    check(
        "**error**",
        &[json!("fatal: error 5"), json!("an error")],
        &[json!("fatal:error"), json!("file: error")],
    );
    // Written out, it is what is meant.
    check("/**.md", &[json!("/etc/a.md")], &[json!("etc/a.md"), json!("//etc/a.md")]);
    check("~/*.md", &[json!("~/a.md")], &[json!("/a.md")]);
    check(
        "C:/**",
        &[json!("C:/a")],
        &[json!("D:/a"), json!("C:/D:/a"), json!("/C:/a"), json!("C:/%44:/a")],
    );
    check(
        "*:latest",
        &[json!("nginx:latest")],
        &[json!("a/nginx:latest"), json!("x:nginx:latest")],
    );
    check(
        "main/**",
        &[json!("main/a")],
        &[json!("main/C:/a"), json!("main//a"), json!("main/ /a")],
    );
}

/// Options, variables, and what begins behind another star.
#[test]
fn nor_does_any_other_part_of_it() {
    check(
        "**.md",
        &[json!("a;b/c.md")],
        &[json!("-o.md"), json!("--output=a.md"), json!("$HOME/a.md"), json!(";v=1/etc/a.md")],
    );
    check("docs: **", &[json!("docs: a")], &[json!("docs: /etc/passwd")]);
    // Behind another star as well.
    check(
        "*:**",
        &[json!("ab:c")],
        &[json!("file:///etc/passwd"), json!("file:/etc/passwd"), json!("ab:/c"), json!("ab:~c")],
    );
    check("*:*/**", &[json!("ab:c/d")], &[json!("file:/etc/passwd"), json!("ab:c//d")]);
    check(
        "mode=*&file=**",
        &[json!("mode=r&file=a")],
        &[json!("mode=r&file=/etc/passwd"), json!("mode=r&file=~a")],
    );
    check(
        "**:latest",
        &[json!("nginx:latest"), json!("org/nginx:latest")],
        &[json!("nginx:/latest:latest"), json!("/nginx:latest")],
    );
    check("**:8080", &[json!("localhost:8080"), json!("10.0.0.1:8080")], &[json!("http://a:8080")]);
}

/// A bare host, an address: nothing of a URI may stand before what names whose it is.
#[test]
fn a_star_that_a_value_begins_with_is_a_plain_name() {
    check(
        "*.example.com",
        &[json!("a.example.com"), json!("a.b.example.com")],
        &[
            json!("evil.test/.example.com"),
            json!("evil.test?.example.com"),
            json!("evil.test#.example.com"),
            json!("evil.test:80.example.com"),
            json!("u@evil.test:80#.example.com"),
            json!("evil.test\\.example.com"),
            json!("evil.test%23.example.com"),
            json!("a.example.com.evil.test"),
        ],
    );
    check(
        "*@example.com",
        &[json!("a.b+c@example.com")],
        &[
            json!("a@evil.test@example.com"),
            json!("a%40evil.test@example.com"),
            json!("x@evil.test,y@example.com"),
        ],
    );
    // Whatever stands before the scheme.
    for (pattern, yes, no) in [
        (
            "git::https://*.example.com/**",
            "git::https://a.example.com/x",
            "git::https://evil.test?.example.com/x",
        ),
        (
            "git::https://localhost:*/x",
            "git::https://localhost:80/x",
            "git::https://localhost:x@evil.test/x",
        ),
        (
            "jdbc:postgresql://*.example.com/app",
            "jdbc:postgresql://a.example.com/app",
            "jdbc:postgresql://evil.test:5432,x.example.com/app",
        ),
        (
            "url=https://*.example.com/**",
            "url=https://a.example.com/x",
            "url=https://a@evil.test/.example.com/x",
        ),
    ] {
        check(pattern, &[json!(yes)], &[json!(no)]);
    }
    for (pattern, yes, no) in [
        ("api-*.example.com", "api-1.example.com", "api-x@evil.test?.example.com"),
        ("api-*.example.com", "api-1.b.example.com", "api-x:y@evil.test:443#.example.com"),
        ("localhost:*", "localhost:80", "localhost:x@evil.test"),
        ("10.0.0.*", "10.0.0.7", "10.0.0.7@evil.test"),
        ("*-*.example.com", "a-b.example.com", "a-b@evil.test?.example.com"),
        ("db*.internal:5432", "db1.internal:5432", "dbx@evil.test#.internal:5432"),
        ("api.*.example.com/**", "api.a.example.com/x", "api.u@evil.test?.example.com/x"),
        ("/users/*/profile", "/users/7/profile", "/users/admin-reset#/profile"),
        ("/users/*/profile", "/users/7;v=1/profile", "/users/admin-reset?/profile"),
        ("*.example.com", "a.example.com", "evil.test;.example.com"),
        ("*.example.com", "a.example.com", "evil.test .example.com"),
        ("*.example.com", "a.example.com", "evil.test{.example.com"),
        ("*.example.com", "a.example.com", "evil.c\u{2100}.example.com"),
        ("docs/*.md", "docs/a.md", "docs/secret.key;.md"),
        ("/docs/**.md", "/docs/a/b.md", "/docs/secret.key?.md"),
    ] {
        check(pattern, &[json!(yes)], &[json!(no)]);
    }
}

/// No reader can take an exact text for another, whatever it looks like.
#[test]
fn what_is_written_without_a_star_means_itself() {
    check(".", &[json!("."), json!([".", "."])], &[json!("./"), json!(".."), json!("a")]);
    check("../a", &[json!("../a")], &[json!("../b"), json!("..//a")]);
    check("a//b", &[json!("a//b")], &[json!("a/b")]);
}

#[test]
fn a_value_with_a_control_character_matches_nothing() {
    for pattern in ["*", "**", "prod-*", "prod-**", "*x", "**/x", "prod-*/**", "prod-*://**"] {
        let plain = match pattern {
            path if path.contains("://") => "prod-a://x",
            path if path.contains('/') => "prod-a/x",
            _ => "prod-a x",
        };
        let no: Vec<Value> = ["\n", "\0", "\r", "\t", "\u{1b}", "\u{7f}", "\u{85}"]
            .iter()
            .map(|control| json!(plain.replacen('a', control, 1)))
            .collect();
        check(pattern, &[json!(plain)], &no);
    }
    check("prod-**", &[json!("prod-x rm -rf /")], &[json!("prod-x\nrm -rf /")]);
    check("**.md", &[json!("etc/shadow.md")], &[json!("etc/shadow\u{0}.md")]);
}

#[test]
fn a_sole_star_asks_for_nothing_but_a_value_that_can_be_read() {
    let any = [json!("../../etc"), json!("a\\b"), json!("100%"), json!(""), json!(7), json!(true)];
    for pattern in ["*", "**"] {
        check(pattern, &any, &[json!(null), json!({}), json!([]), json!(0.5), json!(["a", "\n"])]);
    }
}

#[test]
fn a_pattern_with_a_slash_is_about_paths() {
    check(
        "/docs/*.md",
        &[json!("/docs/a.md"), json!("/docs/a@b:c.md")],
        &[
            json!("/docs/a/b.md"),
            json!("/docs/../a.md"),
            json!("/docs/a.md/"),
            json!("/docs/%00.md"),
            // Who joins URLs finds another end there.
            json!("/docs/secret.key?.md"),
            json!("/docs/secret.key#.md"),
            json!("/docs/secret.key;.md"),
        ],
    );
    check(
        "/docs/?/**",
        &[json!("/docs/?/a/b?c"), json!("/docs/?/")],
        &[json!("/docs/x/a"), json!("/docs/?/../a")],
    );
    check(
        "src/**/x.rs",
        &[json!("src/a/x.rs"), json!("src/a/b/x.rs")],
        &[json!("src/x.rs"), json!("src/a/../x.rs"), json!("src/a?/x.rs"), json!("src/a#/x.rs")],
    );
}

#[test]
fn a_pattern_with_a_scheme_is_about_uris() {
    check(
        "https://*.example.com/**",
        &[json!("https://a.example.com/x?y"), json!("https://a.b.example.com/x/y")],
        &[
            json!("https://evil.test?.example.com/x"),
            json!("https://evil.test#.example.com/"),
            json!("https://evil.test/.example.com/x"),
            json!("https://a@evil.example.com/x"),
            json!("https://evil.test\u{ff0f}.example.com/x"),
            json!("https://a.example.com/#x"),
            json!("https://a.example.com/../x"),
        ],
    );
    check(
        "https://example.com/*.md",
        &[json!("https://example.com/a.md")],
        &[json!("https://example.com/secret?.md"), json!("https://example.com/secret#.md")],
    );
}

/// Readers that take `//` for `/`, or any number of slashes before a host, would find the literal parts
/// elsewhere than where they matched.
#[test]
fn no_star_stands_for_a_part_that_readers_drop() {
    check(
        "/srv/*/public/**",
        &[json!("/srv/a/public/x"), json!("/srv/a/public/x?y"), json!("/srv/a/public/")],
        &[json!("/srv//public/x"), json!("/srv//public/public/x"), json!("/srv/a/public//x")],
    );
    for hollow in ["\u{200b}", "%e2%80%8b", ";v=1", " ", "%20;v"] {
        let no = json!(format!("/srv/{hollow}/public/x"));
        let hollow_is_last = json!(format!("/srv/a{hollow}/public/{hollow}"));
        check("/srv/*/public/**", &[hollow_is_last], &[no]);
    }
    check(
        "https://*/public/**",
        &[json!("https://a/public/x"), json!("https://a/public/?u=http://x")],
        &[json!("https:///public/x"), json!("HTTPS:///public/x")],
    );
    check("*://*/public/**", &[json!("note://a/public/x")], &[json!("https:///public/x")]);
    check("*:///public/**", &[json!("file:///public/x")], &[json!("wss:///public/x")]);
    check(
        "https://a/*/x/**",
        &[json!("https://a/b/x/?u=c//d"), json!("https://a/b/x/c")],
        &[json!("https://a//x/c"), json!("https://a/b/x//c")],
    );
}

/// `%40` is one letter to who resolves it, of which no literal part may be the end.
#[test]
fn no_star_takes_the_head_of_an_escape() {
    check("1*0", &[json!("1a0"), json!("10")], &[json!("1%40"), json!("1%4a0")]);
    check("/a/*d/**", &[json!("/a/d/x")], &[json!("/a/%6d/x")]);
    check("My%20Docs/*final", &[json!("My%20Docs/a-final")], &[json!("My%20Docs/%6final")]);
    check("*.md", &[json!("%61.md")], &[]);
}
