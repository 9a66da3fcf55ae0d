// A server made with the TypeScript SDK that speaks 2025-11-25 and 2026-07-28. It has the tools, prompts and
// resources that the conformance suite looks for by name, and those of server-everything that conversations use.
import { McpServer, ResourceTemplate, createRequestStateCodec, fromJsonSchema } from "@modelcontextprotocol/server";
import { z } from "zod";
import { asking } from "./fixture-asking.mjs";
import { rounds } from "./fixture-rounds.mjs";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

export const text = (text) => ({ type: "text", text });
export const said = (words) => ({ content: [text(words)] });
const image = { type: "image", data: PIXEL, mimeType: "image/png" };
const embedded = (uri, mimeType, text) => ({ type: "resource", resource: { uri, mimeType, text } });
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// One for the process: at 2026-07-28 every request is answered by a server of its own.
const states = createRequestStateCodec({ key: crypto.getRandomValues(new Uint8Array(32)) });
let cancelled = 0;

/** `way` is how a server says that a list has changed, and takes a stream from its client. */
export function createServer(way) {
  const server = new McpServer(
    { name: "interop-fixture", version: "1.0.0" },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: states.verify },
    },
  );
  const tool = (name, inputSchema, work) => server.registerTool(name, { description: name, inputSchema }, work);
  const nothing = z.object({});
  conversation(tool, nothing);
  contents(tool, nothing);
  tool("test_trigger_tool_change", nothing, async () => (way(server).tools(), said("tools")));
  tool("test_trigger_prompt_change", nothing, async () => (way(server).prompts(), said("prompts")));
  tool("test_reconnection", nothing, async (_, { mcpReq }) => {
    await way(server).closeStream?.(mcpReq.id);
    await wait(100);
    return said("the client came back");
  });
  schemas(tool);
  asking(tool, nothing);
  rounds(server, tool, nothing, states);
  resources(server);
  prompts(server);
  server.server.setRequestHandler("logging/setLevel", async () => ({}));
  server.server.setRequestHandler("completion/complete", async () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}

/** What server-everything has too. */
function conversation(tool, nothing) {
  tool("echo", z.object({ message: z.string() }), async ({ message }) => said(`Echo: ${message}`));
  tool("get-sum", z.object({ a: z.number(), b: z.number() }), async ({ a, b }) => said(`The sum of ${a} and ${b} is ${a + b}.`));
  const long = z.object({ duration: z.number(), steps: z.number() });
  tool("trigger-long-running-operation", long, async ({ duration, steps }, { mcpReq }) => {
    for (let progress = 1; progress <= steps; progress++) {
      await wait((duration / steps) * 1000);
      if (mcpReq.signal.aborted) return (cancelled++, said("nobody waits"));
      await progressed(mcpReq, progress, steps);
    }
    return said(`Long running operation completed. Duration: ${duration} seconds, Steps: ${steps}.`);
  });
  tool("how-many-were-cancelled", nothing, async () => said(`${cancelled}`));
}

async function progressed({ _meta, notify }, progress, total) {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return;
  await notify({ method: "notifications/progress", params: { progressToken, progress, total } });
}

function contents(tool, nothing) {
  const content = (name, ...content) => tool(name, nothing, async () => ({ content }));
  content("test_simple_text", text("This is a simple text response for testing."));
  content("test_image_content", image);
  content("test_audio_content", { type: "audio", data: SILENCE, mimeType: "audio/wav" });
  content("test_embedded_resource", embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."));
  const mixed = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}');
  content("test_multiple_content_types", text("Multiple content types test:"), image, mixed);
  content("test_streaming_elicitation", text("results only"));
  tool("test_logging_tool", nothing, async (_, { mcpReq }) => {
    await mcpReq.log("info", "for whoever asked for logs");
    return said("logged");
  });
  tool("test_tool_with_logging", nothing, async (_, { mcpReq }) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await mcpReq.notify({ method: "notifications/message", params: { level: "info", data } });
      await wait(50);
    }
    return said("Tool with logging executed successfully");
  });
  tool("test_tool_with_progress", nothing, async (_, { mcpReq }) => {
    for (const progress of [0, 50, 100]) {
      await progressed(mcpReq, progress, 100);
      await wait(50);
    }
    return said(`${mcpReq._meta?.progressToken}`);
  });
  tool("test_error_handling", nothing, async () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
}

/** Schemas by the words of which something is checked. */
function schemas(tool) {
  const mirrored = { region: { type: "string", "x-mcp-header": "Region" }, level: { type: "integer" } };
  const region = fromJsonSchema({ type: "object", properties: mirrored });
  tool("test_x_mcp_header", region, async ({ region }) => said(`region=${region}`));
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  const person = fromJsonSchema({
    $schema,
    type: "object",
    $defs: { address: { $anchor: "addressDef", type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
    properties: {
      name: { type: "string" },
      address: { $ref: "#/$defs/address" },
      contactMethod: { type: "string", enum: ["phone", "email"] },
      phone: { type: "string" },
      email: { type: "string" },
    },
    allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
    if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
    then: { required: ["phone"] },
    else: { required: ["email"] },
    additionalProperties: false,
  });
  tool("json_schema_2020_12_tool", person, async (args) => said(JSON.stringify(args)));
}

function resources(server) {
  const resource = (name, uri, mimeType, body) =>
    server.registerResource(name, uri, { mimeType }, async () => ({ contents: [{ uri, mimeType, ...body }] }));
  resource("static-text", "test://static-text", "text/plain", { text: "This is the content of the static text resource." });
  resource("static-binary", "test://static-binary", "image/png", { blob: PIXEL });
  resource("watched-resource", "test://watched-resource", "text/plain", { text: "Watched resource content" });
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined });
  const mimeType = "application/json";
  server.registerResource("template", template, { mimeType }, async (uri, { id }) => {
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { contents: [{ uri: `${uri}`, mimeType, text }] };
  });
  server.server.setRequestHandler("resources/subscribe", async () => ({}));
  server.server.setRequestHandler("resources/unsubscribe", async () => ({}));
}

function prompts(server) {
  const messages = (...contents) => ({ messages: contents.map((content) => ({ role: "user", content })) });
  const prompt = (name, argsSchema, work) => server.registerPrompt(name, { description: name, argsSchema }, work);
  prompt("simple-prompt", undefined, async () => messages(text("This is a simple prompt without arguments.")));
  prompt("args-prompt", z.object({ city: z.string() }), async ({ city }) => messages(text(`What's weather in ${city}?`)));
  prompt("test_simple_prompt", undefined, async () => messages(text("This is a simple prompt for testing.")));
  const two = z.object({ arg1: z.string(), arg2: z.string() });
  prompt("test_prompt_with_arguments", two, async ({ arg1, arg2 }) =>
    messages(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  prompt("test_prompt_with_embedded_resource", z.object({ resourceUri: z.string() }), async ({ resourceUri }) =>
    messages(embedded(resourceUri, "text/plain", "Embedded resource content for testing."), text("Please process the embedded resource above.")),
  );
  prompt("test_prompt_with_image", undefined, async () => messages(image, text("Please analyze the image above.")));
}
