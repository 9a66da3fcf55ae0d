// The fixture over streamable HTTP: sessions up to 2025-11-25, requests that stand alone at 2026-07-28.
import { createServer as listen } from "node:http";
import { randomUUID } from "node:crypto";
import { NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation, toNodeHandler } from "@modelcontextprotocol/node";
import { classifyInboundRequest, createMcpHandler, isInitializeRequest } from "@modelcontextprotocol/server";
import { createServer } from "./fixture.mjs";

const sessions = new Map();
const modern = createMcpHandler(() => createServer(() => ({
  tools: () => modern.notify.toolsChanged(),
  prompts: () => modern.notify.promptsChanged(),
})));
const answerModern = toNodeHandler(modern);

/** Events that a client may ask for once more. */
function eventStore() {
  const events = [];
  return {
    storeEvent: async (stream, message) => `${stream}::${events.push({ stream, message }) - 1}`,
    replayEventsAfter: async (last, { send }) => {
      const [stream, number] = last.split("::");
      for (const [at, event] of events.entries()) {
        if (event.stream === stream && at > Number(number)) await send(`${stream}::${at}`, event.message);
      }
      return stream;
    },
  };
}

async function begin() {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: eventStore(),
    retryInterval: 500,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  const way = (server) => ({
    tools: () => server.sendToolListChanged(),
    prompts: () => server.sendPromptListChanged(),
    closeStream: (id) => transport.closeSSEStream(id),
  });
  await createServer(way).connect(transport);
  return transport;
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts));
  } catch {
    return undefined;
  }
}

const fail = (response, status, message) =>
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32000, message }, id: null }));

async function answer(request, response) {
  const body = request.method === "POST" ? await bodyOf(request) : undefined;
  const inbound = classifyInboundRequest({
    httpMethod: request.method,
    protocolVersionHeader: request.headers["mcp-protocol-version"],
    mcpMethodHeader: request.headers["mcp-method"],
    body,
  });
  if (request.method === "POST" && inbound.kind !== "legacy") return answerModern(request, response, body);
  const id = request.headers["mcp-session-id"];
  if (id && !sessions.has(id)) return fail(response, 404, "Session not found");
  if (!id && !isInitializeRequest(body)) return fail(response, 400, "Bad Request: Session ID required");
  const transport = id ? sessions.get(id) : await begin();
  await transport.handleRequest(request, response, body);
}

const ours = [localhostHostValidation(), localhostOriginValidation()];
const server = listen((request, response) => {
  if (!ours.every((allows) => allows(request, response))) return;
  answer(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) fail(response, 500, "Internal server error");
  });
});
server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${server.address().port}`));
