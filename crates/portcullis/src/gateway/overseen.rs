//! A stream that listens, which goes on for as long as its request would be admitted.

use std::sync::Arc;

use portcullis_core::time::UnixTime;
use portcullis_resource::gate::Standing;
use portcullis_resource::stream::Oversight;

use super::Gateway;
use super::life::Turns;

/// A stream, and what it is held against: what the gateway is told now, and not what it was told when the
/// stream began.
pub(super) struct Overseen {
    gateway: Arc<Gateway>,
    server: Arc<str>,
    standing: Box<Standing>,
    turns: Turns,
}

impl Overseen {
    pub(super) fn new(gateway: &Arc<Gateway>, server: Arc<str>, standing: Standing) -> Overseen {
        let turns = gateway.life.turns();
        Overseen { gateway: Arc::clone(gateway), server, standing: Box::new(standing), turns }
    }
}

impl Oversight for Overseen {
    async fn stands(&mut self) -> Option<UnixTime> {
        if self.gateway.life.is_draining() {
            return None;
        }
        let state = self.gateway.state.load_full();
        let stands = match state.server(&self.server) {
            Some(server) => server.gate().stands(&self.standing).await,
            None => None,
        };
        if stands.is_none() {
            tracing::debug!(server = &*self.server, "a stream ends that may not go on");
        }
        stands
    }

    fn now(&self) -> UnixTime {
        self.gateway.lasting.clock.now()
    }

    async fn nudged(&mut self) {
        // One that began in the last moment has missed the turn.
        if !self.gateway.life.is_draining() {
            self.turns.next().await;
        }
    }
}
