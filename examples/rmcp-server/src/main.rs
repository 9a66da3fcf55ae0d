//! An MCP server made with rmcp: everybody may ask how the machine is, and who has the scope restarts it.
//!
//! ```sh
//! cargo run -p example-rmcp-server -- https://idp.example.com/realms/acme
//! cargo run -p example-rmcp-server
//! ```
//!
//! The first takes the tokens of that issuer for `http://127.0.0.1:8080/mcp`. The second takes any free
//! port, makes an issuer of its own, for trying out, and prints requests with tokens that are good for an
//! hour.
#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use http::request::Parts;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portcullis_resource::testing::TestIssuer;
use portcullis_resource::{Auth, AuthBuilder, NoPrincipal, principal};
use rmcp::ErrorData;
use rmcp::handler::server::tool::Extension;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{tool, tool_router};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = std::env::args().nth(1);
    // Tokens name the server they are for, so for those of a real issuer its port is settled.
    let port = if issuer.is_some() { 8080 } else { 0 };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let resource = format!("http://{}/mcp", listener.local_addr()?);
    let auth = if let Some(issuer) = issuer {
        policy(&resource).issuer(issuer)
    } else {
        let issuer = TestIssuer::new()?;
        let token = issuer.token(&resource).mint()?;
        println!("A call that is let through:\n");
        show(&resource, &token, "status");
        println!("One that needs a scope which this token lacks:\n");
        show(&resource, &token, "restart");
        println!("With a token that has it:\n");
        show(&resource, &issuer.token(&resource).scopes(["machine:restart"]).mint()?, "restart");
        policy(&resource).issuer(issuer.trusted())
    };
    serve(listener, app(&auth.build()?)).await;
    Ok(())
}

/// Who may call what.
fn policy(resource: &str) -> AuthBuilder {
    Auth::resource(resource).name("Machine").tool("status", []).tool("restart", ["machine:restart"])
}

/// The server as it stands in an application, documents about it included.
fn app(auth: &Auth) -> Router {
    // rmcp looks at `Host` and `Origin` itself, behind the layer, which has looked by then. By itself it
    // takes names of this machine in `Host`, as the layer does for a server whose URL is on this machine: a
    // server with a public URL names its host here, or its proxy's. Origins are left to the layer alone.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(["localhost", "127.0.0.1", "::1"])
        // rmcp ties a session to nobody: whoever had the id of another's could go on with it.
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let server = StreamableHttpService::new(
        || Ok(Machine),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    auth.protect("/mcp", server)
}

#[derive(Clone)]
struct Machine;

#[tool_router(server_handler)]
impl Machine {
    #[tool(description = "Whether the machine runs")]
    async fn status(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let nobody = |error: NoPrincipal| ErrorData::internal_error(error.to_string(), None);
        let caller = principal(&parts.extensions).map_err(nobody)?;
        Ok(format!("running, and {} asks", caller.subject().unwrap_or("a client")))
    }

    /// Whoever gets here has the scope.
    #[tool(description = "Restart the machine")]
    async fn restart(&self) -> String {
        "restarting".to_owned()
    }
}

/// Serves connections over plain HTTP, without waiting for slow ones for ever.
async fn serve(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            app.clone().oneshot(request.map(Body::new))
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
        tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
    }
}

fn show(resource: &str, token: &str, tool: &str) {
    println!(
        "curl -i {resource} -H 'Content-Type: application/json' \\\n  \
         -H 'Accept: application/json, text/event-stream' \\\n  \
         -H 'Authorization: Bearer {token}' \\\n  \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\"}}}}'\n"
    );
}
