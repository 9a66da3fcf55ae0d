//! Where messages hold task ids.
//!
//! Tasks of the server are meant: those that a client asked for (2025-11-25, and the tasks extension of
//! 2026-07-28). In 2025-11-25 a server may ask its client for tasks as well, and then the ids are the
//! client's: those in `params` of requests of the server, in results and status news of the client. They
//! pass as they are, in both directions.

use portcullis_core::json::{LookAlike, Outline, Place};
use portcullis_core::operation::Method;

/// The member of `_meta` that tells which task a message belongs to.
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// Where a message of the server holds ids of its tasks. A list of tasks holds none where upstream serves
/// others as well: sealed for whoever asks, they would be anybody's.
pub(super) fn of_server(message: Place<'_>, is_shared: bool) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    if let Some(result) = message.get("result") {
        found.extend(result.get("taskId"));
        found.extend(result.get("task").and_then(|task| task.get("taskId")));
        let tasks = result.get("tasks").filter(|_| !is_shared);
        let tasks = tasks.into_iter().flat_map(Place::items);
        found.extend(tasks.filter_map(|task| task.get("taskId")));
        found.extend(related(result));
    }
    if let Some(params) = message.get("params") {
        found.extend(related(params));
        let method = message.get("method").and_then(Place::as_text);
        // The `taskId` of a request is one of the client's.
        if method.is_some_and(|method| method.starts_with("notifications/")) {
            found.extend(params.get("taskId"));
            let ids = params.get("notifications").and_then(|wanted| wanted.get("taskIds"));
            found.extend(ids.into_iter().flat_map(Place::items));
        }
    }
    found
}

fn related(bearer: Place<'_>) -> Option<Place<'_>> {
    bearer.get("_meta")?.get(RELATED)?.get("taskId")
}

/// Where a request of a client holds ids of the server's tasks. Refused where a lenient server could take
/// something else for one.
pub(super) fn of_client(method: Method, message: Place<'_>) -> Result<Vec<Place<'_>>, LookAlike> {
    let [Some(params)] = message.pick(["params"])? else { return Ok(Vec::new()) };
    let [task, notifications, meta] = params.pick(["taskId", "notifications", "_meta"])?;
    let mut found = Vec::new();
    match method {
        Method::SubscriptionsListen => {
            let ids = inside(notifications, "taskIds")?;
            found.extend(ids.into_iter().flat_map(Place::items));
        }
        Method::TasksGet
        | Method::TasksResult
        | Method::TasksUpdate
        | Method::TasksCancel
        | Method::Other => found.extend(task),
        _ => {}
    }
    found.extend(inside(inside(meta, RELATED)?, "taskId")?);
    Ok(found)
}

fn inside<'o>(object: Option<Place<'o>>, name: &str) -> Result<Option<Place<'o>>, LookAlike> {
    let [found] = object.map_or(Ok([None]), |object| object.pick([name]))?;
    Ok(found)
}

/// Where an answer or a notification of a client says which task it belongs to.
pub(super) fn related_by_client(message: Place<'_>) -> Option<Place<'_>> {
    related(message.get("params").or_else(|| message.get("result"))?)
}

/// The messages of a text: itself, or those of a batch.
pub(super) fn messages<'o>(outline: &'o Outline<'_>) -> impl Iterator<Item = Place<'o>> {
    let root = outline.root();
    let single = (!root.is_array()).then_some(root);
    single.into_iter().chain(root.items())
}
