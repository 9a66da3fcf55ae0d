// Who asks too often is told when to come back. Told: issuer, server; both limits are three a minute.
import { check, expect, told } from "./checks.mjs";
import { token } from "./tokens.mjs";

const clientInfo = { name: "limits", version: "1.0.0" };
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });

function ask(token) {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  return fetch(told.server, { method: "POST", headers, body });
}

async function statuses(token, count) {
  const seen = [];
  for (let number = 0; number < count; number++) {
    const answer = await ask(token);
    seen.push(answer.status);
    if (answer.status === 429) expect(answer.headers.has("retry-after"), true, "that it says when to come back");
  }
  return seen;
}

const [alice, bob] = await Promise.all([
  token(told.issuer, told.server),
  token(told.issuer, told.server, { client: "bob" }),
]);

await check("a subject that calls too often is 429, and another is not", async () => {
  expect(await statuses(alice, 4), [200, 200, 200, 429], "alice's calls");
  expect(await statuses(bob, 1), [200], "bob's call");
});

await check("an address that brings too many bad tokens is 429", async () => {
  expect(await statuses(`${alice.slice(0, -6)}AAAAAA`, 4), [401, 401, 401, 429], "the guesses");
});
