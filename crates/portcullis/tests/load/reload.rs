//! The configuration is another one, again and again.

use serde_json::json;
use testkit::server::{Server, respond};

use crate::clients::{Arrived, all_answered, load};
use crate::common::rig::{self, Rig};

/// Rules, servers and upstreams change under those who call, while the issuer is away; a configuration that is
/// no good changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_changes_and_no_request_is_lost() {
    let arrived = Arrived::default();
    let (seen, elsewhere) = (arrived.clone(), arrived.clone());
    let rig = Rig::with("", "", move |request| seen.answer(request)).await;
    let other = Server::start(move |request| elsewhere.answer(request)).await;
    let token = {
        let tokens: Vec<String> =
            (0..10).map(|number| rig.token(&json!({ "jti": number.to_string() }))).collect();
        move |number: u64| tokens[usize::try_from(number).unwrap() % tokens.len()].clone()
    };
    let usual = Rig::text(&rig.issuer, &rig.upstream, "", "");
    let texts = [
        usual.replace("read_*", "read*"),
        Rig::text(&rig.issuer, &other, "", ""),
        format!(
            "{usual}[servers.more]\npath = \"/more\"\nupstream = \"{}\"\nissuers = [\"idp\"]\naccess = \"signed-in\"\n",
            other.url("/more")
        ),
        Rig::text(&rig.issuer, &rig.upstream, "[limits]\nbody = \"1MiB\"", "list = \"all\"\n"),
        usual.clone(),
    ];
    let (calls, mut callers) = load(rig.serving.address(), token);
    calls.more(10).await;
    // From now on its keys are those that are there already.
    rig.issuer.answer(|_| respond(500, &[], ""));
    for round in 0..60 {
        calls.more(10).await;
        let text = &texts[round % texts.len()];
        rig.serving.reload(&rig::config(text)).unwrap();
        assert!(rig::load(&text.replace("access = \"rules\"", "access = \"open\"")).is_err());
        let unusable = text.replace("[issuers.idp]", "[issuers.idp]\nca = \"no-such-file\"");
        assert!(rig.serving.reload(&rig::config(&unusable)).is_err());
    }
    calls.more(50).await;
    calls.stop();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    println!("{} calls while the configuration changed 60 times", all_answered(&calls, &arrived));
    assert!(other.asked() > 0 && rig.upstream.asked() > 0);
}
