// Two users of one server over standard input and output see nothing of each other. Told: url, the tokens of
// alice and bob, whether the server is shared.
import { connect } from "./client-v2.mjs";
import { check, expect, expectIn, told } from "./checks.mjs";

const revision = "2025-11-25";
const open = (token) => connect({ url: told.url, token, revision });
const [alice, bob] = await Promise.all([open(told.alice), open(told.bob)]);
const LONG = "trigger-long-running-operation";
const said = (result) => result.content.map((content) => content.text).join();

const list = { jsonrpc: "2.0", id: "m", method: "tools/list" };
const ask = (method, token, session, body = list) =>
  fetch(told.url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: method === "GET" ? "text/event-stream" : "application/json, text/event-stream",
      "mcp-session-id": session,
      "mcp-protocol-version": revision,
    },
    body: method === "POST" ? JSON.stringify(body) : undefined,
  });

await check("the sessions are not the same", () => expect(alice.session === bob.session, false));

await check("answers and progress find their own among calls of both", async () => {
  const of = async (who, name, steps) => {
    const progress = [];
    const onprogress = (step) => progress.push(step.progress);
    const [echo, long] = await Promise.all([
      who.call("echo", { message: name }),
      who.call(LONG, { duration: 0.5, steps }, { onprogress }),
    ]);
    expectIn(name, said(echo), "the answer");
    expectIn(`Steps: ${steps}`, said(long), "the answer");
    expect(progress, Array.from({ length: steps }, (_, i) => i + 1), `the progress of ${name}`);
  };
  await Promise.all([of(alice, "alice", 3), of(bob, "bob", 5)]);
});

if (!told.shared) {
  await check("what one makes the other cannot find", async () => {
    const args = { name: "diary", data: "data:text/plain,secret", outputType: "resourceLink" };
    await alice.call("gzip-file-as-resource", args);
    const uris = async (who) => (await who.client.listResources()).resources.map(({ uri }) => uri);
    const uri = (await uris(alice)).find((uri) => uri.endsWith("/diary"));
    expect(typeof uri, "string", "alice's diary");
    expect((await uris(bob)).includes(uri), false, "that bob's list has it");
    const read = bob.client.readResource({ uri }).then(() => "read", () => "refused");
    expect(await read, "refused", "alice's diary for bob");
  });
}

await check("what one subscribes to the other does not hear of", async () => {
  const uri = "demo://resource/dynamic/text/7";
  const heard = { alice: 0, bob: 0 };
  const first = new Promise((resolve) => alice.onUpdate(() => resolve(heard.alice++)));
  bob.onUpdate(() => heard.bob++);
  // Where a process is everybody's, nobody could tell whose the news are: they reach nobody.
  const subscribed = alice.client.subscribeResource({ uri });
  await (told.shared ? subscribed.catch(() => {}) : subscribed);
  await alice.call("toggle-subscriber-updates", {});
  if (!told.shared) await first;
  await alice.call("toggle-subscriber-updates", {});
  expectIn("bob", said(await bob.call("echo", { message: "bob" })));
  expect(heard, { alice: told.shared ? 0 : 1, bob: 0 }, "what was heard");
});

for (const method of ["POST", "GET", "DELETE"]) {
  await check(`${method} to a session of the other is as to one that never was`, async () => {
    const theirs = await ask(method, told.bob, alice.session);
    const nobodys = await ask(method, told.bob, alice.session.replace(/.$/, (end) => (end === "A" ? "B" : "A")));
    expect(theirs.status, 404, "the status");
    expect([theirs.status, await theirs.text()], [nobodys.status, await nobodys.text()], "the answer");
  });
}

if (!told.shared) {
  await check("a task of the other is as one that never was", async () => {
    const params = { name: "simulate-research-query", arguments: { topic: "gates" }, task: {} };
    const made = await ask("POST", told.alice, alice.session, { jsonrpc: "2.0", id: "t", method: "tools/call", params });
    const [, alices] = /"taskId":"([^"]+)"/.exec(await made.text());
    const get = async (who, session, taskId) => {
      const params = { taskId };
      return (await ask("POST", who, session, { jsonrpc: "2.0", id: "g", method: "tasks/get", params })).text();
    };
    expectIn("working", await get(told.alice, alice.session, alices), "alice's task for alice");
    const nobodys = alices.replace(/.$/, (end) => (end === "A" ? "B" : "A"));
    const theirs = await get(told.bob, bob.session, alices);
    expectIn("error", theirs, "alice's task for bob");
    expect(theirs, await get(told.bob, bob.session, nobodys), "the answer");
  });
}

await check("and has done the session no harm", async () => {
  expectIn("alice", said(await alice.call("echo", { message: "alice" })));
});
await Promise.all([alice.close(), bob.close()]);
process.exit(0);
