//! The authorization server that the gateway asks: metadata, keys, introspection. Nothing of it is
//! measured; it has to be there.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use testkit::TestKey;
use tokio::net::TcpListener;

use crate::options::Options;
use crate::tokens::{claims, now};
use crate::{Result, one_thread};

struct Issuer {
    url: String,
    resource: String,
}

pub(crate) fn main(mut options: Options) -> Result {
    let listen: SocketAddr = options.required("--listen")?;
    let resource = options.required("--resource")?;
    options.end()?;
    let issuer = Arc::new(Issuer { url: format!("http://{listen}"), resource });
    one_thread()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            let issuer = Arc::clone(&issuer);
            tokio::spawn(async move {
                let answer = |request| ready(Ok::<_, Infallible>(issuer.answer(&request)));
                let serving = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service_fn(answer))
                    .await;
                if let Err(why) = serving {
                    eprintln!("gateway-bench issuer: {why}");
                }
            });
        }
    })
}

impl Issuer {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let document = match request.uri().path() {
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => {
                Some(self.metadata())
            }
            "/jwks" => serde_json::from_slice(&testkit::jwks(&[TestKey::Rsa, TestKey::P256])).ok(),
            "/introspect" => self.active(),
            _ => None,
        };
        let mut response = Response::new(Full::default());
        match document {
            Some(document) => *response.body_mut() = Full::from(document.to_string()),
            None => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn metadata(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"),
            "introspection_endpoint": format!("{url}/introspect"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    /// Every token is active: that tokens can be refused is for other tests to show.
    fn active(&self) -> Option<Value> {
        let mut answer = claims(&self.url, &self.resource, now().ok()?, 0);
        answer.as_object_mut()?.insert("active".to_owned(), Value::Bool(true));
        Some(answer)
    }
}
