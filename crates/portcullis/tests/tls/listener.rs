//! The gateway's own certificate, and those of its clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Version;
use serde_json::{Value, json};
use testkit::authority::{Authority, Certified};
use testkit::server::{Server, respond};

use crate::client::{BOTH, Client, PUBLIC};
use crate::common::folder::Folder;
use crate::common::rig::{Rig, call, header, issuer, post};
use crate::common::wire::Wire;

pub const RESOURCE: &str = "https://localhost:8443/files/mcp";

/// A gateway that speaks TLS itself.
pub struct Front {
    rig: Rig,
    authority: Authority,
    _folder: Folder,
}

/// The configuration; `tls` is the rest of its table.
pub fn text(issuer: &Server, upstream: &Server, folder: &Folder, tls: &str) -> String {
    let (cert, key) = (folder.file("cert.pem"), folder.file("key.pem"));
    let tls = format!("tls = {{ cert = \"{cert}\", key = \"{key}\"{tls} }}");
    Rig::text_at(PUBLIC, issuer, upstream, &tls, "")
}

pub async fn upstream() -> Server {
    Server::start(|_| respond(200, &[("content-type", "application/json")], "{}")).await
}

impl Front {
    /// `clients` is a file with the authorities of clients.
    async fn start(name: &str, clients: Option<&str>) -> Front {
        Front::with(name, clients, "").await
    }

    /// With further settings at the top.
    async fn with(name: &str, clients: Option<&str>, top: &str) -> Front {
        let folder = Folder::new(name);
        let authority = Authority::new("of the gateway");
        let own = authority.server(&["localhost"]);
        folder.write("cert.pem", &own.pem());
        folder.write("key.pem", &own.key_pem());
        let tls = clients.map_or(String::new(), |clients| {
            format!(", client_ca = \"{}\"", folder.write("clients.pem", clients))
        });
        let (issuer, upstream) = (issuer().await, upstream().await);
        let text = format!("{top}{}", text(&issuer, &upstream, &folder, &tls));
        Front { rig: Rig::of(issuer, upstream, &text).await, authority, _folder: folder }
    }

    /// With these claims, as the issuer names them.
    fn token(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["aud"] = RESOURCE.into();
        self.rig.token(&claims)
    }

    /// The status of a call on a connection of its own, or `None` where there is no connection.
    async fn status(&self, shown: Option<&Certified>, token: &str) -> Option<u16> {
        let mut statuses = Vec::new();
        for protocols in [&BOTH[..], &BOTH[1..]] {
            let address = self.rig.serving.address();
            let client = Client::connect(address, &self.authority, protocols, shown).await;
            // With TLS 1.3 a client has connected before its certificate was looked at.
            let status = match client {
                Ok(mut client) => client.ask(post(token, call("read_file"))).await.ok(),
                Err(_) => None,
            };
            statuses.push(status.map(|answer| answer.status().as_u16()));
        }
        assert_eq!(statuses[0], statuses[1], "over HTTP/2 as over HTTP/1.1");
        statuses[0]
    }
}

#[tokio::test]
async fn both_versions_of_http_are_settled_on() {
    let front = Front::start("tls-versions", None).await;
    let (address, token) = (front.rig.serving.address(), front.token(&json!({})));
    for (offered, version) in [
        (&BOTH[..], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let connected = Client::connect(address, &front.authority, offered, None).await;
        let mut client = connected.unwrap();
        let answer = client.ask(post(&token, call("read_file"))).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version), "{offered:?}");
        let refused = client.ask(post("x.y.z", call("read_file"))).await.unwrap();
        assert_eq!(refused.status(), 401, "{offered:?}");
        let challenge = header(refused.headers(), "www-authenticate");
        assert!(challenge.contains(&format!("{PUBLIC}/.well-known/")), "{challenge}");
    }
    let nothing_in_common = Client::connect(address, &front.authority, &["spdy/3"], None).await;
    assert!(nothing_in_common.is_err());
    let stranger = Authority::new("of the gateway");
    assert!(Client::connect(address, &stranger, &BOTH, None).await.is_err(), "not its authority");
    let mut plain = Wire::connect(address).await;
    let bytes = format!(
        "POST /files/mcp HTTP/1.1\r\nHost: localhost:8443\r\n\
                         Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
    );
    plain.send(bytes.as_bytes()).await;
    let said = plain.until_closed().await;
    assert!(!said.starts_with(b"HTTP"), "nothing is answered without TLS");
}

/// A certificate is asked for, needed by nobody, and taken from the right authority alone.
#[tokio::test]
async fn certificates_of_clients_are_judged_where_they_are_shown() {
    let clients = Authority::new("of clients");
    let front = Front::start("tls-clients", Some(&clients.pem())).await;
    let token = front.token(&json!({}));
    let namesake = Authority::new("of clients");
    for (case, shown, status) in [
        ("none", None, Some(200)),
        ("right", Some(clients.client("ada")), Some(200)),
        ("of another authority of that name", Some(namesake.client("ada")), None),
        ("of a server", Some(clients.server(&["ada"])), None),
    ] {
        assert_eq!(front.status(shown.as_ref(), &token).await, status, "{case}");
    }
}

/// A token that is bound to a certificate is good with that one alone.
// req: RS-14
#[tokio::test]
async fn a_bound_token_needs_its_own_certificate() {
    let clients = Authority::new("of clients");
    let front = Front::start("tls-bound", Some(&clients.pem())).await;
    let (own, other) = (clients.client("ada"), clients.client("bob"));
    let bound = front.token(&json!({ "cnf": { "x5t#S256": own.thumbprint() } }));
    assert_eq!(front.status(Some(&own), &bound).await, Some(200));
    assert_eq!(front.status(Some(&other), &bound).await, Some(401));
    assert_eq!(front.status(None, &bound).await, Some(401));
    assert_eq!(front.status(Some(&other), &front.token(&json!({}))).await, Some(200));
}

/// Behind a proxy the certificate of the connection is the proxy's, and that of the client is what the proxy says
/// (RFC 9440). Nobody else says anything by that header.
// req: RS-14
#[tokio::test]
async fn of_a_client_behind_a_proxy_the_proxy_tells_the_certificate() {
    let clients = Authority::new("of clients");
    let (own, other) = (clients.client("ada"), clients.client("bob"));
    let told = |shown: &Certified| format!(":{}:", STANDARD.encode(&shown.der));
    for (proxies, cases) in [
        (
            "trusted_proxies = [\"loopback\"]",
            [
                ("told", vec![told(&own)], None, 200),
                ("told, by a proxy with its own", vec![told(&own)], Some(&other), 200),
                ("another's told", vec![told(&other)], None, 401),
                ("another's told, by a proxy that has it", vec![told(&other)], Some(&own), 401),
                ("nothing told, by a proxy that has it", vec![], Some(&own), 401),
                ("told twice", vec![told(&own), told(&own)], None, 401),
            ],
        ),
        (
            "trusted_proxies = [\"192.0.2.1\"]",
            [
                ("told", vec![told(&own)], None, 401),
                ("told and shown", vec![told(&own)], Some(&own), 200),
                ("another's told, its own shown", vec![told(&other)], Some(&own), 200),
                ("told, another's shown", vec![told(&own)], Some(&other), 401),
                ("shown", vec![], Some(&own), 200),
                ("nothing", vec![], None, 401),
            ],
        ),
    ] {
        let front = Front::with("tls-proxies", Some(&clients.pem()), proxies).await;
        let bound = front.token(&json!({ "cnf": { "x5t#S256": own.thumbprint() } }));
        for (case, told, shown, status) in cases {
            let address = front.rig.serving.address();
            let client = Client::connect(address, &front.authority, &["http/1.1"], shown).await;
            let mut request = post(&bound, call("read_file"));
            for line in told {
                request.headers_mut().append("client-cert", line.parse().unwrap());
            }
            let answer = client.unwrap().ask(request).await.unwrap();
            assert_eq!(answer.status(), status, "{proxies}: {case}");
        }
    }
}

/// What `openssl req -x509` makes is an authority, and none is taken for a client. Without that mark a certificate
/// may stand for itself.
#[tokio::test]
async fn a_certificate_that_nobody_signed_stands_for_itself_where_it_is_no_authority() {
    for (is_authority, status) in [(true, None), (false, Some(200))] {
        let own = Certified::by_itself("ada", &[], is_authority);
        let front = Front::start(&format!("tls-own-{is_authority}"), Some(&own.pem())).await;
        let bound = front.token(&json!({ "cnf": { "x5t#S256": own.thumbprint() } }));
        assert_eq!(front.status(Some(&own), &bound).await, status, "authority: {is_authority}");
    }
}
