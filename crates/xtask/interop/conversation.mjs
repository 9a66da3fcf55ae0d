// A conversation from its beginning to its end. Told: the client's script, url, token, revision.
import { check, expect, expectIn, told } from "./checks.mjs";

const { connect } = await import(`./${told.client}`);
const own = await connect(told);
const { client, call } = own;
const isModern = told.revision === "2026-07-28";
const LONG = "trigger-long-running-operation";

const said = (result) => result.content.map((content) => content.text).join();
/** Resolves at the first call of what it answers. */
function once() {
  let heard;
  const first = new Promise((resolve) => (heard = resolve));
  return { first, heard: () => heard() };
}

await check("begins", () => expect(own.revision, told.revision, "the revision"));

await check("lists tools and calls them", async () => {
  const { tools } = await client.listTools();
  expectIn("get-sum", tools.map(({ name }) => name), "the list");
  expectIn("by typescript", said(await call("echo", { message: "by typescript" })));
  expectIn("is 3", said(await call("get-sum", { a: 1, b: 2 })));
});

await check("hears of progress", async () => {
  const steps = [];
  const result = await call(LONG, { duration: 0.6, steps: 3 }, { onprogress: ({ progress }) => steps.push(progress) });
  expectIn("completed", said(result));
  expect(steps, [1, 2, 3], "the progress");
});

await check("gets prompts", async () => {
  const { prompts } = await client.listPrompts();
  expectIn("args-prompt", prompts.map(({ name }) => name), "the list");
  const prompt = await client.getPrompt({ name: "args-prompt", arguments: { city: "Paris" } });
  expectIn("Paris", JSON.stringify(prompt.messages), "the prompt");
});

await check("reads resources", async () => {
  const { resources } = await client.listResources();
  const { contents } = await client.readResource({ uri: resources[0].uri });
  expect(contents[0].uri, resources[0].uri, "what was read");
});

if (isModern) {
  await check("listens", async () => {
    const { first, heard } = once();
    own.onTools(heard);
    const listening = await client.listen({ toolsListChanged: true });
    await call("test_trigger_tool_change", {});
    await first;
    await listening.close();
  });
} else {
  await check("hears of a resource", async () => {
    const { first, heard } = once();
    own.onUpdate(heard);
    await client.subscribeResource({ uri: "demo://resource/dynamic/text/1" });
    await call("toggle-subscriber-updates", {});
    await first;
    await call("toggle-subscriber-updates", {});
  });
}

if (own.task) {
  await check("runs a task", async () => {
    const kinds = new Set();
    let last;
    for await (const message of own.task("simulate-research-query", { topic: "gates" })) {
      kinds.add(message.type);
      last = message;
    }
    expect([...kinds], ["taskCreated", "taskStatus", "result"], `what came of it (${last.error})`);
    expectIn("gates", said(last.result), "the result");
  });
}

const stopped = async () => Number(said(await call("how-many-were-cancelled", {})));

await check("takes back a call", async () => {
  const before = isModern ? await stopped() : 0;
  const { signal, abort } = controller();
  const long = call(LONG, { duration: 60, steps: 600 }, { signal, onprogress: abort });
  const outcome = await long.then(() => "an answer", () => "taken back");
  expect(outcome, "taken back", "the call");
  expectIn("still here", said(await call("echo", { message: "still here" })));
  // The server stops what nobody waits for.
  while (isModern && (await stopped()) === before);
});

function controller() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

if (!isModern) {
  await check("ends its session", async () => {
    await own.end();
    const headers = {
      authorization: `Bearer ${told.token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-session-id": own.session,
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    const answer = await fetch(told.url, { method: "POST", headers, body });
    // Servers of the SDK itself say 400 or 404 here.
    expect([400, 404].includes(answer.status), true, `a refusal (${answer.status})`);
  });
}
await own.close();
// A stream that is still open keeps nobody waiting.
process.exit(0);
