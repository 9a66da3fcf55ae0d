//! Which URIs a pattern reaches, and which none does.

use portcullis_core::policy::Rule;
use proptest::prelude::*;

use crate::{allows, policy, resource};

#[test]
fn in_uris_one_star_stays_within_a_segment_and_two_do_not() {
    check(&[
        (
            "file:///public/*",
            &["file:///public/a", "file:///public/"],
            &["file:///public/a/b", "file:///public"],
        ),
        (
            "file:///public/**",
            &["file:///public/a", "file:///public/a/b/c"],
            &["file:///publicity", "file:///x/public/a"],
        ),
        ("file:///*/docs/**", &["file:///u1/docs/a/b"], &["file:///u1/x/docs/a", "file:///docs/a"]),
        (
            "file:///**/x*",
            &["file:///a/x1", "file:///a/x/b/x1", "file:///a/b/xx"],
            &["file:///a/x/b/y", "file:///x1"],
        ),
        ("git://repo/**.md", &["git://repo/a.md", "git://repo/a/b.md"], &["git://repo/a.mdx"]),
        ("note://*", &["note://1"], &["note://1/2", "NOTE://1"]),
    ]);
}

type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// Each pattern, what it matches, and what it does not.
fn check(rows: &[Row<'_>]) {
    for (pattern, yes, no) in rows {
        let policy = policy(&[&format!("resources/read {pattern}")]);
        for uri in *yes {
            assert!(allows(&policy, &resource(uri)), "{pattern} {uri}");
        }
        for uri in *no {
            assert!(!allows(&policy, &resource(uri)), "{pattern} {uri}");
        }
    }
}

#[test]
fn a_star_in_the_authority_does_not_carry_the_host_elsewhere() {
    check(&[
        (
            "https://*.example.com/**",
            &[
                "https://a.example.com/x",
                "https://a-1.b.example.com/x/y?z=1",
                "https://.example.com/",
            ],
            &[
                "https://evil.test?.example.com/x",
                "https://evil.test#.example.com/x",
                "https://evil.test/.example.com/x",
                "https://a@evil.test?.example.com/x",
                "https://a@evil.example.com/x",
                "https://evil.test:443.example.com/x",
                "https://evil.test%2f.example.com/x",
                "https://evil.test%3f.example.com/x",
                "https://evil.test\u{ff0f}.example.com/x",
                "https://evil.test\u{3002}.example.com/x",
                "https://evil.test .example.com/x",
                "https://evil.test{x}.example.com/x",
                "https://evil.test}.example.com/x",
                "https://evil.test;.example.com/x",
                "https://a.example.com/x#y",
                "https://a.example.com.evil.test/x",
            ],
        ),
        (
            "https://**.example.com/x",
            &["https://a.b.example.com/x"],
            &["https://evil.test/a.example.com/x", "https://evil.test?a.example.com/x"],
        ),
        (
            "*://*.example.com/**",
            &["https://a.example.com/x", "git+ssh://a.example.com/x"],
            &["https:evil.test://a.example.com/x", "https://evil.test/://a.example.com/x"],
        ),
        (
            "https://**",
            &[
                "https://example.com/a?b",
                "https://example.com",
                "https://example.com?b@c",
                "https://a@example.com:8443/",
            ],
            &["https://example.com/#a", "https:///example.com/", "http://example.com"],
        ),
        (
            "https://example.com:*/**",
            &["https://example.com:8443/a", "https://example.com:/a"],
            &[
                "https://example.com:x@evil.test/a",
                "https://example.com:8443?/a",
                "https://example.com:a/a",
                "https://example.com/a",
            ],
        ),
    ]);
}

#[test]
fn a_star_for_the_whole_authority_leaves_no_host_in_doubt() {
    check(&[
        (
            "https://*/public/**",
            &["https://example.com/public/a", "https://a:b@example.com:8443/public/a"],
            &[
                "https:///public/a",
                "https://example.com?/public/a",
                "https://internal.corp%61dmin/public/a",
                "https://internal.corp{/public/a",
                "https://internal.corp;/public/a",
                "https://example.com/x/public/a",
                "https://example.com/",
            ],
        ),
        (
            "docs://**",
            &["docs://a", "docs://a/b/c?d", "docs://localhost:0/"],
            &[
                "docs:///etc/passwd",
                "docs:////etc",
                "docs://",
                "docs://C:/Windows/win.ini",
                "docs://c|/x",
                "docs://C:secret.txt",
                "docs://~/.ssh/id_rsa",
                "docs://@/etc/passwd",
                "docs://u@/etc/passwd",
                "docs://:0/etc/passwd",
                "docs://u@:/etc/passwd",
                "docs://u@~root/x",
                "docs://u@C:/x",
                "docs://~root/x",
                "docs:// /etc/passwd",
                "docs://%20/etc/passwd",
                "docs://\u{200b}/etc/passwd",
                "docs://;v=1/etc/passwd",
            ],
        ),
        (
            "note://a**",
            &["note://a", "note://ab/c?d", "note://a b"],
            &["note://ab/c#d", "note://a@b/c", "note://a:b/c", "note://b"],
        ),
        ("note://a*b/c", &["note://a-x.b/c"], &["note://a b/c", "note://a~b/c", "note://a%20b/c"]),
        (
            "docs://team-*",
            &["docs://team-a", "docs://team-a%20b", "docs://team-caf\u{e9}", "docs://team-a~+b"],
            &[
                "docs://team-a%40/b",
                "docs://team-a/b",
                "docs://team-a@evil.test",
                "docs://team-a:80",
                "docs://team-a?b",
            ],
        ),
    ]);
}

/// Servers cut off what stands before the star and join the rest to a directory of theirs.
#[test]
fn a_star_brings_no_root_and_no_drive() {
    check(&[
        ("docs:///**", &["docs:///a"], &["docs:////a"]),
        ("file://**", &["file:///a", "file://server/a", "file:///C:/a"], &["file:////server/a"]),
        ("file:///**.md", &["file:///a.md", "file:///C:/a.md"], &["file:///C:/a"]),
        ("file:///*/docs/**", &["file:///x/docs/a"], &["file:///x/docs/C:/a", "file:///C:/docs/a"]),
        (
            "docs:**",
            &["docs:a/b", "docs:isbn:1"],
            &[
                "docs:/etc/passwd",
                "docs://etc/passwd",
                "docs:///etc",
                "docs:~/x",
                "docs:C:/x",
                "docs: /etc",
                "docs:%7e/x",
            ],
        ),
        ("https://h/v1/items:*", &["https://h/v1/items:a:b"], &["https://h/v1/items:a/b"]),
        ("postgres://db:*/app", &["postgres://db:5432/app"], &["postgres://db:5432,evil.test/app"]),
        ("https://h/*?x=1", &["https://h/a;v=1?x=1"], &["https://h/a/b?x=1"]),
        ("urn:docs:*", &["urn:docs:a"], &["urn:docs:C:x", "urn:docs:~a"]),
        ("file:**", &["file:///a", "file:/a"], &["files:///a"]),
        ("file:///a/**", &["file:///a/b"], &["file:///a/C:/b", "file:///C:/b"]),
        (
            "repo://main/**",
            &[
                "repo://main/a",
                "repo://main/a/",
                "repo://main/ab:c/d",
                "repo://main/https://x/y",
                "repo://main/?a=//b",
            ],
            &[
                "repo://main//etc/passwd",
                "repo://main/a//b",
                "repo://main/ /etc",
                "repo://main/\u{200b}/etc",
                "repo://main/%20/etc",
                "repo://main/;v=1/etc",
                "repo://main/x:///etc",
                "repo://main/C:/etc",
                "repo://main/a/c|/etc",
                "repo://mainly/a",
            ],
        ),
        ("repo://main/C:/**", &["repo://main/C:/a"], &["repo://main/C:/D:/a", "repo://main/a/C:/"]),
        (
            "https://web.example/save/**",
            &["https://web.example/save/https://example.com/a", "https://web.example/save/C:/a"],
            &["https://web.example/save//example.com/a"],
        ),
    ]);
}

#[test]
fn a_star_brings_no_structure_into_path_and_query() {
    check(&[
        (
            "note://*",
            &[
                "note://a",
                "note://caf\u{e9}",
                "note://a b",
                "note://2024%20x",
                "note://ab:c@d",
                "note://{id}",
            ],
            &["note://a/b", "note://a?b", "note://a#b", "note://", "note:///", "note://a:b"],
        ),
        (
            "file:///docs/*.md",
            &["file:///docs/a.md", "file:///docs/a b:c@d.md"],
            &[
                "file:///docs/secret.key#.md",
                "file:///docs/secret.key?.md",
                "file:///docs/secret.key;.md",
                "file:///docs/secret.key%00.md",
                "file:///docs/a.md?x",
            ],
        ),
        (
            "file:///docs/**.md",
            &["file:///docs/a/b.md"],
            &[
                "file:///docs/secret.key?/x.md",
                "file:///docs/secret.key#/x.md",
                "file:///docs/a/secret.key;.md",
            ],
        ),
        (
            "file:///docs/*/x",
            &["file:///docs/a;v=1/x"],
            &["file:///docs/a?/x", "file:///docs/a#/x"],
        ),
        (
            "file:///docs/**",
            &["file:///docs/a?b=/c", "file:///docs/{path}"],
            &["file:///docs/a#b", "file:///docs/#"],
        ),
        (
            "db:///q?table=*",
            &["db:///q?table=users", "db:///q?table="],
            &[
                "db:///q?table=a/b",
                "db:///q?table=a?b",
                "db:///q",
                "db:///q?table=a&table=b",
                "db:///q?table=a;table=b",
            ],
        ),
        (
            "db:///q?dir=docs/**",
            &["db:///q?dir=docs/a/b?c"],
            &["db:///q?dir=docs/a&dir=/etc", "db:///q?dir=docs/a;dir=/etc"],
        ),
        (
            "db:///q?dir=docs/**&f=md",
            &["db:///q?dir=docs/a/b&f=md"],
            &["db:///q?dir=docs/a&dir=/etc&f=md"],
        ),
        ("db:///**", &["db:///q?dir=docs/a&dir=b"], &["db:////q"]),
        ("**", &["https://a@example.com:8443/x?y", "urn:a:b", "x"], &["https://example.com/#a"]),
        ("*", &["urn:a:b", "a@b"], &["a/b", "a?b", "a#b"]),
    ]);
}

/// What is refused under any pattern, each with the nearest thing that is not.
const DISGUISES: [(&str, &str); 61] = [
    ("../etc", "..a/etc"),
    ("./a", ".a/a"),
    ("a/..", "a/..."),
    ("a/.", "a/.a"),
    ("..;/etc", "..a;/etc"),
    ("..\u{37e}/etc", "..a\u{37e}/etc"),
    ("..\u{ff1b}/etc", "..a\u{ff1b}/etc"),
    ("..\u{ff0c}/etc", "..a\u{ff0c}/etc"),
    ("..;a=b/etc", "..a;a=b/etc"),
    ("..,/etc", "..a,/etc"),
    ("..:/etc", "..a:/etc"),
    ("a?path=../etc", "a?path=..a/etc"),
    ("a?x&..", "a?x&..a"),
    ("a?path=..+/etc", "a?path=..+a/etc"),
    ("..\\etc", "..etc"),
    ("a\\b", "a/b"),
    ("%2e%2e/etc", "%61%61/etc"),
    ("%2E./etc", "%4E./etc"),
    ("..%2fetc", "..%20etc"),
    ("a%2Fb", "a%2Db"),
    ("a%5cb", "a%5bb"),
    ("a%3fb", "a%3db"),
    ("a%23b", "a%24b"),
    ("..%3b/etc", "..a%3d/etc"),
    ("..%3d/etc", "..a%3d/%3d"),
    ("..%2c/etc", "..a%2c/etc"),
    ("..%20/etc", "..%20a/etc"),
    ("%252e%252e/etc", "%24e%24e/etc"),
    ("a%", "a"),
    ("a%2", "a%24"),
    ("a%/b", "a/b"),
    ("%zz/etc", "%7a/etc"),
    ("%+2f", "%402f"),
    ("%u002e%u002e%u002fetc", "u002eu002eu002fetc"),
    ("%c0%ae%c0%ae/etc", "%c3%ae%c3%ae/etc"),
    ("%e0%80%ae%e0%80%ae%e0%80%afetc", "%e2%82%ac%e2%82%acetc"),
    ("%f0%80%80%ae%f0%80%80%ae/etc", "%f0%9f%98%80%f0%9f%98%80/etc"),
    ("a%c3", "a%c3%a9"),
    ("a%ff", "a%7e"),
    ("a%00.md", "a%7e.md"),
    ("a%0ab", "a%20b"),
    ("a%7fb", "a%7eb"),
    ("a%c2%85b", "a%c2%a0b"),
    ("\u{ff0e}\u{ff0e}/etc", "\u{ff0e}\u{ff0e}\u{ff11}/etc"),
    ("%ef%bc%8e%ef%bc%8e/etc", "%ef%bc%8e%ef%bc%91/etc"),
    ("\u{2024}\u{2024}/etc", "\u{2024}\u{2024}a/etc"),
    ("\u{fe30}/etc", "\u{fe30}a/etc"),
    ("%ef%b8%b0/etc", "%ef%b8%b0a/etc"),
    ("..\u{a5}etc", "5\u{a5}etc"),
    ("..\u{20a9}etc", "5\u{20a9}etc"),
    ("..\u{ffe5}etc", "5\u{ffe5}etc"),
    ("..\u{ffe6}etc", "5\u{ffe6}etc"),
    ("\u{2025}/etc", "\u{2026}/etc"),
    ("\u{fe52}./etc", "\u{fe52}.a/etc"),
    ("a\u{ff0f}b", "a\u{ff0d}b"),
    ("a%ef%bc%8fb", "a%ef%bc%8db"),
    ("a\u{2215}b", "a\u{2212}b"),
    ("a\u{2044}b", "a\u{2043}b"),
    ("a\u{ff3c}b", "a\u{ff3d}b"),
    (".. /etc", ".. a/etc"),
    (".\u{200b}./etc", ".\u{200b}.a/etc"),
];

#[test]
fn uris_that_servers_resolve_differently_match_nothing() {
    let policy = policy(&["resources/read file:///public/**", "resources/read **"]);
    for (refused, accepted) in DISGUISES {
        let [refused, accepted] = [refused, accepted].map(|rest| format!("file:///public/{rest}"));
        assert!(!allows(&policy, &resource(&refused)), "{refused}");
        assert!(allows(&policy, &resource(&accepted)), "{accepted}");
    }
    assert!(!allows(&policy, &resource("file:..")), "a scheme ends a segment too");
    assert!(allows(&policy, &resource("file:..a")));
}

#[test]
fn patterns_are_held_to_what_uris_are_held_to() {
    for (refused, accepted) in DISGUISES {
        for entry in ["resources/read file:///public/", "resources/read file:///*/"] {
            assert!(Rule::allow([format!("{entry}{refused}").as_str()]).is_err(), "{refused}");
            assert!(Rule::allow([format!("{entry}{accepted}").as_str()]).is_ok(), "{accepted}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever dots are made of, mixed with whatever readers drop, between whatever separates.
    #[test]
    fn no_mixture_of_disguises_makes_a_dot_segment_that_matches(
        before in prop::sample::select(vec!["/", "/a;", "/a,", "/a:", "/?a=", "/?a&"]),
        after in prop::sample::select(vec!["", "/a", ";a", ",a", ":a", "?a", "&a", "=a", "%2c", "%3A/"]),
        dots in prop::collection::vec(prop::sample::select(vec![".", "\u{ff0e}", "\u{2024}", "%ef%bc%8e"]), 1..3),
        filler in prop::collection::vec(prop::sample::select(vec!["", " ", "%20", "\u{a0}", "\u{200b}", "%e2%80%8b", "\u{ad}", "\u{feff}"]), 3),
    ) {
        let policy = policy(&["resources/read **", "resources/read file:///public/**"]);
        let segment = |name: &str| {
            let dots = dots.iter().zip(&filler[1..]).map(|(dot, filler)| format!("{dot}{filler}"));
            format!("file:///public{before}{}{}{name}{after}", filler[0], dots.collect::<String>())
        };
        prop_assert!(!allows(&policy, &resource(&segment(""))), "{}", segment(""));
        prop_assert!(allows(&policy, &resource(&segment("x"))), "{}", segment("x"));
    }
}
