//! Issuers: what is wrong with them, each beside its twin.

use bytes::Bytes;
use http::Request;
use testkit::authority::Authority;
use testkit::server::{Answer, Server, respond};
use testkit::{TestKey, jwks};

use super::{JSON, asking, check, good, line, text};
use crate::common::folder::Folder;
use crate::ok;

/// An answer with this in place of that.
fn swapped(answer: Answer, from: &str, to: &str) -> Answer {
    use http_body_util::BodyExt as _;
    let (head, body) = answer.unwrap().into_parts();
    // It is whole already: nothing is waited for.
    let mut body = std::pin::pin!(body.collect());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(body) = body.as_mut().poll(&mut context) else { panic!("a stream") };
    let text = String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap();
    respond(head.status.as_u16(), &JSON, text.replace(from, to))
}

/// An answer in place of the usual one, at one path.
type Change = fn(&Request<Bytes>) -> Answer;

struct Case {
    what: &'static str,
    at: &'static str,
    change: Change,
    part: &'static str,
    is_good: bool,
    said: &'static str,
}

const METADATA: &str = "/.well-known/oauth-authorization-server";

const fn case(what: &'static str, at: &'static str, change: Change) -> Case {
    Case { what, at, change, part: "", is_good: false, said: "" }
}

impl Case {
    const fn good(self, part: &'static str, said: &'static str) -> Case {
        Case { part, said, is_good: true, ..self }
    }

    const fn bad(self, part: &'static str, said: &'static str) -> Case {
        Case { part, said, is_good: false, ..self }
    }
}

const CASES: [Case; 11] = [
    case("as it should be", "", good).good("keys", "2 keys"),
    case("another's", METADATA, |asked| {
        swapped(good(asked), "\"issuer\":\"http://", "\"issuer\":\"http://x.")
    })
    .bad("metadata", "write issuer = \"http://x."),
    case("a byte more", METADATA, |asked| {
        swapped(good(asked), "\",\"jwks_uri\"", "/\",\"jwks_uri\"")
    })
    .bad("metadata", "/\" if that is who is meant"),
    case("OpenID Connect", "/.well-known/openid-configuration", |asked| {
        let mut asked = asked.clone();
        *asked.uri_mut() = METADATA.parse().unwrap();
        good(&asked)
    })
    .good("metadata", "speaks for"),
    case("no metadata", METADATA, |_| respond(404, &[], ""))
        .bad("metadata", "or say where its keys are"),
    case("a page", "/keys", |_| respond(200, &[], "<html>")).bad("keys", "is refused"),
    case("no key", "/keys", |_| respond(200, &[], jwks(&[]))).bad("keys", "none that can be used"),
    case("a weak key", "/keys", |_| respond(200, &[], jwks(&[TestKey::Rsa1024])))
        .bad("keys", "none that can be used; not "),
    case("a weak key among good", "/keys", |_| {
        respond(200, &[], jwks(&[TestKey::Rsa1024, TestKey::Rsa]))
    })
    .good("keys", "1 key for RS256, RS384"),
    case("nothing there", "/introspect", |_| respond(404, &[], ""))
        .bad("introspection", "answers 404"),
    case("everybody is let in", "/introspect", |_| respond(200, &JSON, "{\"active\":true}"))
        .bad("introspection", "is active"),
];

/// Each thing that can be wrong with an issuer: its own line says so, and those of others are as they were.
// req: CL-2, CL-3
#[tokio::test]
async fn what_is_wrong_with_an_issuer_is_told_with_the_way_out() {
    let folder = Folder::new("online-issuer");
    let upstream = Server::start(ok).await;
    for Case { what, at, change, part, is_good, said: why } in CASES {
        let issuer = Server::start(move |request| {
            let is_openid = at.ends_with("openid-configuration");
            match request.uri().path() {
                path if path == at => change(request),
                METADATA if is_openid => respond(404, &[], ""),
                _ => good(request),
            }
        })
        .await;
        let text = text(&issuer.url(""), &asking("hunter2"), &super::at(&upstream));
        let (code, said) = check(&folder, &text).await;
        let line = line(&said, &format!("issuers.idp {part}:"));
        assert_eq!((code == 0, line.starts_with("ok ")), (is_good, is_good), "{what}: {said}");
        assert!(line.contains(why), "{what}: {line}");
        assert!(said.contains("ok      servers.files upstream"), "{what}: {said}");
    }
}

/// Whom it takes us for, whether it is there, and whether it is the one that was meant.
#[tokio::test]
async fn credentials_and_connections_of_issuers_are_tried() {
    let folder = Folder::new("online-issuer-reached");
    let (issuer, upstream) = (Server::start(good).await, Server::start(ok).await);
    let url = issuer.url("");
    for (secret, is_good) in [("hunter2", true), ("hunter3", false)] {
        let (code, said) =
            check(&folder, &text(&url, &asking(secret), &super::at(&upstream))).await;
        let line = line(&said, "introspection");
        assert_eq!((code == 0, line.starts_with("ok ")), (is_good, is_good), "{said}");
        let refused =
            line.contains("refuses the client gateway: 401") && line.contains("client_id");
        assert_eq!(refused, !is_good, "{line}");
        assert!(!said.contains(secret), "{said}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) =
        check(&folder, &text(&format!("http://{nobody}"), "", &super::at(&upstream))).await;
    assert_eq!(code, 1, "{said}");
    assert!(line(&said, "metadata").contains("refused"), "{said}");
    assert!(line(&said, "keys").starts_with("not ok"), "{said}");

    let authority = Authority::new("of issuers");
    let shown = authority.server(&["127.0.0.1"]);
    let keys = |_: &Request<Bytes>| respond(200, &[], jwks(&[TestKey::P256]));
    let issuer = Server::tls(&shown, &["h2"], None, keys).await;
    folder.write("ca.pem", &authority.pem());
    for (ca, is_good) in [("ca = \"ca.pem\"", true), ("", false)] {
        let of_issuer = format!("jwks = \"{}\"\n{ca}", issuer.url("/keys"));
        let (code, said) =
            check(&folder, &text(&issuer.url(""), &of_issuer, &super::at(&upstream))).await;
        assert_eq!(code == 0, is_good, "{said}");
        assert_eq!(line(&said, "keys").contains("UnknownIssuer"), !is_good, "{said}");
    }
}
