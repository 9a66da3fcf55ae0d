//! From which pages, and under which names, a server is called (RS-9).

use axum::Router;
use http::StatusCode;
use portcullis_resource::{Auth, AuthBuilder, BadAuth};
use serde_json::json;
use testkit::TestKey;

use crate::house::{
    Answer, Ask, Hands, House, Published, ask, auth, by, call, good, house, issuer, post, token,
};

const PAGE: &str = "https://app.example.com";

fn from(origin: &str) -> Ask {
    post(&call("x")).bearer(&good()).header("origin", origin)
}

fn open_to<const N: usize>(origins: [&str; N]) -> House {
    house(auth().allowed_origins(origins))
}

fn refused(answer: &Answer, because: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json(), json!({ "error_description": because }));
    assert_eq!(answer.challenge(), None);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

// req: RS-9
#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let house = open_to([PAGE, "http://localhost:6274", "https://ALL.example:443"]);
    for origin in [
        PAGE,
        "HTTPS://APP.example.COM",
        "http://localhost:6274",
        "https://all.example",
        // The server's own.
        "https://mcp.example.com",
    ] {
        assert_eq!(from(origin).of(&house.app).await.status, StatusCode::OK, "{origin}");
    }
    assert_eq!(house.inner.count(), 5);
    for origin in [
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://evil.example",
        "https://app.example.com/",
        "http://localhost:6275",
        "http://localhost",
        "null",
        "*",
        "",
    ] {
        refused(&from(origin).of(&house.app).await, "the origin is not allowed");
    }
    // Also before anybody asks about the token, and when there are two of them.
    let nobody = post(&call("x")).header("origin", "https://evil.example").of(&house.app).await;
    refused(&nobody, "the origin is not allowed");
    refused(&from(PAGE).header("origin", PAGE).of(&house.app).await, "the origin is not allowed");
    assert_eq!(house.inner.count(), 5);
    let without = post(&call("x")).bearer(&good()).of(&house.app).await;
    assert_eq!(without.status, StatusCode::OK, "no page at all");
}

// req: RS-9
#[tokio::test]
async fn without_a_word_only_its_own_pages_are_let_in() {
    let house = house(auth());
    assert_eq!(from("https://mcp.example.com").of(&house.app).await.status, StatusCode::OK);
    refused(&from(PAGE).of(&house.app).await, "the origin is not allowed");
}

#[tokio::test]
async fn a_star_is_every_page() {
    let house = open_to(["*"]);
    for origin in [PAGE, "null", "http://localhost:1"] {
        let answer = from(origin).of(&house.app).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "and not a star");
    }
    refused(&from(PAGE).header("origin", PAGE).of(&house.app).await, "the origin is not allowed");
}

fn preflight(origin: &str) -> Ask {
    let request = ask("OPTIONS", "/mcp").header("origin", origin);
    request.header("access-control-request-method", "POST")
}

#[tokio::test]
async fn a_browser_asks_first() {
    let house = open_to([PAGE]);
    let wanted = "authorization, mcp-param-Region, x-other, mcp-param-a\"b";
    let asked = preflight(PAGE).header("access-control-request-headers", wanted);
    let answer = asked.of(&house.app).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST, GET, DELETE"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some(
            "Authorization, Content-Type, Accept, DPoP, Last-Event-ID, Mcp-Session-Id, \
             MCP-Protocol-Version, Mcp-Method, Mcp-Name, mcp-param-region"
        )
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None, "cookies say nothing here");
    let many: Vec<String> = (0..1000).map(|number| format!("mcp-param-{number}")).collect();
    let asked = preflight(PAGE).header("access-control-request-headers", &many.join(","));
    let answer = asked.of(&house.app).await;
    assert!(answer.header("access-control-allow-headers").unwrap().len() < 1024);
    let other = preflight("https://evil.example").of(&house.app).await;
    refused(&other, "the origin is not allowed");
    // What is no preflight is a request like others.
    for no_preflight in [
        ask("OPTIONS", "/mcp").header("origin", PAGE),
        ask("OPTIONS", "/mcp").header("access-control-request-method", "POST"),
    ] {
        let answer = no_preflight.of(&house.app).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(house.inner.count(), 0);
}

/// A page must be able to read a refusal too, or it could not go on from a 401.
#[tokio::test]
async fn a_page_reads_answers_of_every_kind() {
    let house = house(auth().allowed_origins([PAGE]).tool("x", []));
    let expired = token(&json!({ "exp": testkit::NOW - 60 }));
    for (request, status) in [
        (from(PAGE), 200),
        (post(&call("x")).header("origin", PAGE), 401),
        (post(&call("x")).bearer(&expired).header("origin", PAGE), 401),
        (post(&call("y")).bearer(&good()).header("origin", PAGE), 403),
        (from(PAGE).body("{"), 400),
    ] {
        let answer = request.of(&house.app).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["WWW-Authenticate", "Mcp-Session-Id", "Retry-After"] {
            assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
        }
    }
    let plain = post(&call("x")).of(&house.app).await;
    assert_eq!(plain.header("access-control-expose-headers"), None, "nobody asked");
}

#[tokio::test]
async fn what_is_no_origin_is_refused_when_it_is_read() {
    for bad in [
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://me@app.example.com",
        "https://*.example.com",
        "https://app.example.com:",
        "https://app.example.com:99999",
        "https://app.example.com:*",
        "https://",
        "null",
        "",
    ] {
        let built = auth().allowed_origins([bad]).build();
        assert!(matches!(built, Err(BadAuth::Origin(_))), "{bad}");
    }
    for good in [PAGE, "http://[::1]:6274", "https://app.example.com:443", "app://local", "*"] {
        assert!(auth().allowed_origins([good]).build().is_ok(), "{good}");
    }
}

fn local(resource: &str) -> AuthBuilder {
    let keys = Published::of(&[TestKey::P256]);
    Auth::resource(resource).issuer(issuer(&keys)).surroundings(by(&Hands::new()))
}

async fn under(app: &Router, resource: &str, host: Option<&str>) -> Answer {
    let request = post(&call("x")).bearer(&token(&json!({ "aud": resource })));
    let request = match host {
        Some(host) => request.header("host", host),
        None => request,
    };
    request.of(app).await
}

/// A name that its owner lets point at this machine makes any page of his a page of this server, to the
/// browser.
// req: RS-9
#[tokio::test]
async fn a_server_on_this_machine_goes_by_names_of_this_machine() {
    let resource = "http://127.0.0.1:8080/mcp";
    let house = house(local(resource).allowed_hosts(["dev.example:8080", "Box"]));
    for host in [
        "127.0.0.1:8080",
        "localhost:8080",
        "LOCALHOST",
        "[::1]:3000",
        "dev.example:8080",
        "DEV.example:8080",
        "box",
    ] {
        let answer = under(&house.app, resource, Some(host)).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "dev.example",
        "localhost.evil.example",
        "localhost:8080@evil.example",
        "evil.example@localhost:8080",
        "127.0.0.1.evil.example",
        "192.168.0.1:8080",
        "",
    ] {
        refused(&under(&house.app, resource, Some(host)).await, "the host is not this server");
    }
    refused(&under(&house.app, resource, None).await, "the host is not this server");
    let two = post(&call("x")).bearer(&token(&json!({ "aud": resource })));
    let two = two.header("host", "localhost").header("host", "evil.example").of(&house.app).await;
    refused(&two, "the host is not this server");
    // HTTP/2 says it in the target.
    for (target, status) in [("http://localhost:8080/mcp", 200), ("http://evil.example/mcp", 403)] {
        let request = ask("POST", target).header("content-type", "application/json");
        let request = request.bearer(&token(&json!({ "aud": resource })));
        let answer = request.body(call("x").to_string()).of(&house.app).await;
        assert_eq!(answer.status.as_u16(), status, "{target}");
    }
    // Pages of this machine are other pages all the same.
    let page = post(&call("x")).header("host", "localhost").header("origin", "http://localhost");
    refused(&page.of(&house.app).await, "the origin is not allowed");
}

/// Behind a proxy the name is whatever the proxy says, unless names are listed.
#[tokio::test]
async fn a_server_elsewhere_is_asked_for_its_name_where_names_are_listed() {
    let (open, listed) = (house(auth()), house(auth().allowed_hosts(["one.example"])));
    for (host, status) in [
        ("mcp.example.com", StatusCode::OK),
        ("one.example", StatusCode::OK),
        ("backend-7.internal:3000", StatusCode::FORBIDDEN),
    ] {
        let request = || post(&call("x")).bearer(&good()).header("host", host);
        assert_eq!(request().of(&open.app).await.status, StatusCode::OK, "{host}");
        assert_eq!(request().of(&listed.app).await.status, status, "{host}");
    }
}
