// What a caller gets, by what is wrong with its request. Told: issuer, another issuer, the gateway's servers.
import { request } from "node:http";
import { check, expect, expectIn, told } from "./checks.mjs";
import { revoke, token } from "./tokens.mjs";

const { kind, issuer, other, server } = told;

/** One request, with headers as they are given: `fetch` would put them right. */
function send(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "statuses", version: "1.0.0" },
  },
};
const call = (name) => ({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name, arguments: { message: "hi", a: 1, b: 2 } } });

const usual = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};
const bearer = (token) => ({ ...usual, authorization: `Bearer ${token}` });
const post = (headers, body, url = server) =>
  send(url, "POST", headers, typeof body === "string" ? body : JSON.stringify(body));

const good = await token(issuer, server);
const begun = await post(bearer(good), initialize);
const session = { "mcp-session-id": begun.headers["mcp-session-id"] };

async function refused(name, status, headers, body, challenge = [], url = server) {
  await check(`${kind}: ${status} ${name}`, async () => {
    const answer = await post({ ...session, ...headers }, body, url);
    expect(answer.status, status, "the status");
    const said = answer.headers["www-authenticate"] ?? "";
    for (const part of challenge) expectIn(part, said, "the challenge");
    if (status === 200) expectIn("hi", answer.text, "the answer");
    if (status === 401) expectIn("/.well-known/oauth-protected-resource", said, "the challenge");
    if (status === 503) expectIn("", answer.headers["retry-after"], "the answer");
  });
}

const echo = call("echo");
const write = await token(issuer, server, { scope: "mcp:use mcp:write" });
const foreign = await token(issuer, `${server}/other`);
const strange = await token(other, server);
const scopeless = await token(issuer, server, { scope: "mcp:write" });
const brief = await token(issuer, server, { client: "brief" });
const withdrawn = await token(issuer, server);
if (kind === "opaque") await revoke(issuer, withdrawn);
const forged = good.slice(0, -6) + (good.endsWith("A") ? "BBBBBB" : "AAAAAA");
const late = new Promise((resolve) => setTimeout(resolve, 3_100));

await check(`${kind}: 200 the beginning of a session`, () => expect(begun.status, 200, "the status"));
await refused("a good token", 200, bearer(good), echo);
await refused("more scope", 200, bearer(write), { ...call("get-sum"), params: { name: "echo", arguments: { message: "hi" } } });
await refused("two tokens", 400, { ...usual, authorization: [`Bearer ${good}`, `Bearer ${good}`] }, echo, ["invalid_request"]);
await refused("a token in the query", 400, bearer(good), echo, ["invalid_request"], `${server}?access_token=${good}`);
await refused("a name twice", 400, bearer(good), JSON.stringify(echo).replace('"name"', '"name":"echo","name"'));
await refused("no JSON", 400, bearer(good), "{");
await refused("no token", 401, usual, echo, ['scope="mcp:use"']);
await refused("a forged token", 401, bearer(forged), echo, ["invalid_token"]);
await refused("a token for another server", 401, bearer(foreign), echo, ["invalid_token"]);
await refused("a token of another issuer", 401, bearer(strange), echo, ["invalid_token"]);
if (kind === "opaque") await refused("a token that was revoked", 401, bearer(withdrawn), echo, ["invalid_token"]);
await late;
await refused("a token that has ended", 401, bearer(brief), echo, ["invalid_token"]);
await refused("no base scope", 403, bearer(scopeless), echo, ["insufficient_scope", "mcp:use"]);
await refused("a tool that needs more scope", 403, bearer(good), call("get-sum"), ["insufficient_scope", "mcp:use mcp:write"]);
await check(`${kind}: 200 the same tool with that scope`, async () => {
  const begun = await post(bearer(write), initialize);
  const own = { "mcp-session-id": begun.headers["mcp-session-id"] };
  const answer = await post({ ...bearer(write), ...own }, call("get-sum"));
  expect(answer.status, 200, "the status");
  expectIn("The sum of 1 and 2 is 3", answer.text, "the answer");
});
await refused("a page of somebody else", 403, { ...bearer(good), origin: "https://evil.example" }, echo);
await refused("a text", 415, { ...bearer(good), "content-type": "text/plain" }, echo);
await refused("a packed body", 415, { ...bearer(good), "content-encoding": "gzip" }, echo);
await check(`${kind}: 404 a session that is none of the caller's`, async () => {
  const bobs = await token(issuer, server, { client: "bob" });
  const answer = await post({ ...bearer(bobs), ...session }, echo);
  expect(answer.status, 404, "the status");
});
