//! Rules that never are asked, and rules that look like it.

use crate::world::World;

/// What is said of these rules, entry by entry.
fn idle(rules: &str) -> Vec<String> {
    let world = World::of(&format!(
        "public_url = \"http://localhost:8080\"\n[issuers.acme]\nissuer = \"https://idp.example.com\"\n\
         [servers.files]\npath = \"/files\"\nupstream = \"http://127.0.0.1:3000/mcp\"\naccess = \"rules\"\n\
         issuers = [\"acme\"]\nbase_scopes = [\"base\"]\n\
         scope_includes = {{ \"admin\" = [\"write\"] }}\n\
         rules = [{rules}]\n"
    ));
    let Err(error) = world.load() else { return Vec::new() };
    let said = error.problems().iter().map(|problem| problem.message.clone());
    said.map(|message| message.split('"').nth(1).unwrap_or(&message).to_owned()).collect()
}

#[test]
fn what_another_rule_allows_with_no_more_is_never_asked() {
    for (rules, entry) in [
        // The trap: a wide rule without scopes beside a narrow one with.
        (
            "{ allow = ['tools/call *'] }, { allow = ['tools/call delete_*'], scopes = ['write'] }",
            "tools/call delete_*",
        ),
        // In either order.
        (
            "{ allow = ['tools/call delete_*'], scopes = ['write'] }, { allow = ['tools/call *'] }",
            "tools/call delete_*",
        ),
        ("{ allow = ['tools/call a'] }, { allow = ['tools/call a'] }", "tools/call a"),
        ("{ allow = ['tools/call ab'] }, { allow = ['tools/call a*'] }", "tools/call ab"),
        ("{ allow = ['tools/call a*b'] }, { allow = ['tools/call a_*_b'] }", "tools/call a_*_b"),
        (
            "{ allow = ['tools/call *'], scopes = ['base'] }, { allow = ['tools/call a'] }",
            "tools/call a",
        ),
        (
            "{ allow = ['tools/call *'], scopes = ['write'] }, { allow = ['tools/call a'], scopes = ['admin'] }",
            "tools/call a",
        ),
        (
            "{ allow = ['tools/call *'], roles = ['a', 'b'] }, { allow = ['tools/call a'], roles = ['b'] }",
            "tools/call a",
        ),
        (
            "{ allow = ['tools/call *'], args = { p = ['a', 'b'] } }, \
             { allow = ['tools/call a'], args = { p = ['b'], q = [1] } }",
            "tools/call a",
        ),
        ("{ allow = ['prompts/get **'] }, { allow = ['prompts/get a'] }", "prompts/get a"),
        (
            "{ allow = ['resources/read file:///a/**'] }, { allow = ['resources/read file:///a/b/*.md'] }",
            "resources/read file:///a/b/*.md",
        ),
    ] {
        assert_eq!(idle(rules), [entry], "{rules}");
    }
}

#[test]
fn what_asks_for_something_else_stands() {
    for rules in [
        "{ allow = ['resources/read **'] }, { allow = ['resources/read docs:///a'] }",
        "{ allow = ['tools/call *'], scopes = ['write'] }, { allow = ['tools/call a'] }",
        "{ allow = ['tools/call *'], scopes = ['admin'] }, { allow = ['tools/call a'], scopes = ['write'] }",
        "{ allow = ['tools/call *'], roles = ['a'] }, { allow = ['tools/call a'], roles = ['a', 'b'] }",
        "{ allow = ['tools/call *'], roles = ['a'] }, { allow = ['tools/call a'], scopes = ['write'] }",
        "{ allow = ['tools/call *'], args = { p = ['a'] } }, { allow = ['tools/call a'] }",
        "{ allow = ['tools/call *'], args = { p = ['a'] } }, { allow = ['tools/call a'], args = { p = ['b'] } }",
        "{ allow = ['tools/call *'], args = { p = ['a'] } }, { allow = ['tools/call a'], args = { q = ['a'] } }",
        "{ allow = ['tools/call a*'] }, { allow = ['tools/call *a'] }",
        "{ allow = ['tools/call ab'] }, { allow = ['tools/call a*'], scopes = ['write'] }",
        "{ allow = ['tools/call *'] }, { allow = ['prompts/get a'] }",
        // One rule may say the same twice.
        "{ allow = ['tools/call *', 'tools/call a'] }",
        // What a URI means is more than its letters.
        "{ allow = ['resources/read file:///a/*'] }, { allow = ['resources/read file:///a/b/c'] }",
        "{ allow = ['resources/read file:///a/**'] }, { allow = ['resources/read file:///ab/c'] }",
        "{ allow = ['resources/read file:///a/**'] }, { allow = ['resources/read file:///a/C:/x'] }",
        "{ allow = ['resources/read docs://a/**'] }, { allow = ['resources/read docs://a/b'] }",
    ] {
        assert_eq!(idle(rules), Vec::<String>::new(), "{rules}");
    }
}
