//! Which server a request is for.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http::header::{HOST, HeaderMap};

use super::server::Server;

/// Where clients look for metadata that know no path (RS-1).
const ROOT: &str = "/.well-known/oauth-protected-resource";

/// What answers at a path.
#[derive(Clone)]
pub(super) enum Target {
    /// A protected server.
    Server(Arc<Server>),
    /// What a protected server says about itself (RFC 9728).
    Metadata(Bytes),
}

type Paths = HashMap<String, Target>;

/// Every path that there is.
#[derive(Default)]
pub(super) struct Routes {
    /// Of servers with a URL of their own, by the `Host` of requests to it.
    by_host: HashMap<String, Paths>,
    /// Of servers below the public URL, by whatever name the gateway is reached.
    everywhere: Paths,
}

impl Routes {
    pub(super) fn new(servers: &[Arc<Server>]) -> Routes {
        let mut routes = Routes::default();
        for server in servers {
            for host in server.hosts() {
                let paths = routes.paths(host);
                let resource = server.gate().resource();
                let document = Target::Metadata(Bytes::from(resource.to_json()));
                paths.insert(resource.well_known_path(), document);
                paths.insert(path(server), Target::Server(Arc::clone(server)));
            }
        }
        // The document at the root, where there is no doubt whose it is.
        for paths in routes.by_host.values_mut().chain([&mut routes.everywhere]) {
            let servers = paths.values().filter(|target| matches!(target, Target::Server(_)));
            let documents = paths.values().filter(|target| matches!(target, Target::Metadata(_)));
            if servers.count() == 1
                && let Some(only) = documents.last().cloned()
            {
                paths.entry(ROOT.to_owned()).or_insert(only);
            }
        }
        routes
    }

    fn paths(&mut self, host: Option<&str>) -> &mut Paths {
        match host {
            Some(host) => self.by_host.entry(host.to_ascii_lowercase()).or_default(),
            None => &mut self.everywhere,
        }
    }

    /// What answers a request.
    pub(super) fn find(&self, uri: &Uri, headers: &HeaderMap) -> Option<&Target> {
        let named = || {
            // HTTP/2 says it in the target.
            let host = uri.authority().map(http::uri::Authority::as_str);
            let host = host.or_else(|| headers.get(HOST)?.to_str().ok())?;
            self.by_host.get(&host.to_ascii_lowercase())?.get(uri.path())
        };
        let named = if self.by_host.is_empty() { None } else { named() };
        named.or_else(|| self.everywhere.get(uri.path()))
    }
}

/// The path at which a server is called.
fn path(server: &Server) -> String {
    match server.gate().resource().resource().path() {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}
