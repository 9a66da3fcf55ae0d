//! The gate as a tower layer, and a protected server as an axum router.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};
use portcullis_core::denial::Denial;
use portcullis_core::header::{DPOP, DPOP_NONCE};
use portcullis_core::keys::CertificateThumbprint;
use portcullis_core::time::UnixTime;
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::{Auth, Protection};
use crate::gate::{Head, Standing};
use crate::principal::{NoPrincipal, Principal, principal};
use crate::stream::{Oversight, Until, over};
use crate::{origin, well_known};

impl Auth {
    /// A router with the protected service at `path`, and the documents by which clients find out where to
    /// sign in (RFC 9728).
    ///
    /// A router that is nested elsewhere takes these documents with it, where nobody looks: put
    /// [`Auth::well_known`] at the root of the application as well.
    ///
    /// Of rmcp's `StreamableHttpService`: it looks at `Host` as well, and takes names of this machine alone
    /// unless told otherwise. That agrees with this layer for a server whose URL is on this machine. One with a
    /// public URL gives `with_allowed_hosts` the host of that URL, or whatever its proxy sends; names given to
    /// [`allowed_hosts`](crate::AuthBuilder::allowed_hosts) belong there, too. `Origin` it leaves alone unless
    /// told otherwise, and this layer has looked at it by then. It ties its sessions to nobody: with
    /// `with_legacy_session_mode(false)` there are none.
    pub fn protect<S>(&self, path: &str, service: S) -> Router
    where
        S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        let service = Router::new().route_service(path, self.layer(service));
        self.well_known().merge(service)
    }

    /// The documents of RFC 9728 alone, for the root of the application.
    pub fn well_known(&self) -> Router {
        let resource = self.0.gate.resource();
        let document = Bytes::from(resource.to_json());
        let answer = move |method: Method| async move {
            well_known::answer(&method, document).map(Body::from)
        };
        let serve = || get(answer.clone()).options(answer.clone());
        // A colon or a star that begins a segment of the resource's path stands for itself.
        let router = Router::new().without_v07_checks();
        self.well_known_paths().iter().fold(router, |router, path| router.route(path, serve()))
    }
}

impl<S> Layer<S> for Auth {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Protected<S> {
        Protected { protection: Arc::clone(&self.0), inner }
    }
}

/// A service that is called by whoever may, with a [`Principal`] among the request's extensions.
#[derive(Clone, Debug)]
pub struct Protected<S> {
    protection: Arc<Protection>,
    inner: S,
}

impl<S> Service<Request> for Protected<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled ready is taken, and another left for the next call.
        let other = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, other);
        let protection = Arc::clone(&self.protection);
        Box::pin(async move { Ok(call(protection, request, inner).await) })
    }
}

async fn call<S>(protection: Arc<Protection>, request: Request, inner: S) -> Response
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
{
    let (parts, body) = request.into_parts();
    let page = match protection.origins.check(&parts.uri, &parts.headers) {
        Ok(page) => page,
        Err(failure) => return protection.refuse(&Denial::before_reading(failure, &parts.headers)),
    };
    let mut response = match origin::preflight(&parts.method, &parts.headers) {
        Some(answer) => answer.map(Body::from),
        None => protection.judge(parts, body, inner).await,
    };
    origin::reveal(page.as_ref(), response.headers_mut());
    response
}

impl Protection {
    async fn judge<S>(self: Arc<Self>, mut parts: Parts, body: Body, mut inner: S) -> Response
    where
        S: Service<Request, Error = Infallible>,
        S::Response: IntoResponse,
    {
        // Within a nested router the path is cut short.
        let original =
            parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| original);
        let head = Head {
            method: &parts.method,
            path: original.path(),
            query: original.query(),
            headers: &parts.headers,
            certificate: parts.extensions.get::<CertificateThumbprint>(),
            stranger: None,
        };
        let admitted = match self.gate.admit(head, body).await {
            Ok(admitted) => admitted,
            Err(denial) => return self.refuse(&denial),
        };
        let standing = self.gate.standing(&admitted.permit, &parts.headers);
        // The token is for us alone: what is behind must not be able to pass it on.
        parts.headers.remove(AUTHORIZATION);
        parts.headers.remove(DPOP);
        let body = Body::from(admitted.permit.body().clone());
        let nonce = admitted.dpop_nonce.clone();
        parts.extensions.insert(Principal::of(admitted));
        let Ok(response) = inner.call(Request::from_parts(parts, body)).await;
        let mut response = response.into_response();
        if let Some(nonce) = nonce {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        let Some(standing) = standing else { return response };
        let until = standing.until();
        let end = over(Overseen { protection: self, standing }, until);
        response.map(|body| Body::new(Until::new(body, end)))
    }

    fn refuse(&self, denial: &Denial) -> Response {
        self.note(denial);
        self.gate.answer(denial).map(Body::from)
    }

    /// What the server's author reads of a refusal.
    pub(crate) fn note(&self, denial: &Denial) {
        tracing::info!(
            class = denial.failure().label(),
            resource = self.gate.resource().resource().as_str(),
            "refused: {denial}"
        );
    }
}

/// A stream that listens, and what ends it.
struct Overseen {
    protection: Arc<Protection>,
    standing: Standing,
}

impl Oversight for Overseen {
    async fn stands(&mut self) -> Option<UnixTime> {
        self.protection.gate.stands(&self.standing).await
    }

    fn now(&self) -> UnixTime {
        self.protection.gate.now()
    }

    /// What a layer goes by does not change.
    async fn nudged(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// `principal: Principal` among the arguments of a handler.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = NoPrincipal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoPrincipal> {
        principal(&parts.extensions).cloned()
    }
}

/// A handler outside the layer is a mistake of the server's author.
impl IntoResponse for NoPrincipal {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
