// The TypeScript SDK as it was up to 2025-11-25, in the words of conversation.mjs.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

export async function connect({ url, token, authProvider }) {
  const client = new Client({ name: "interop-v1", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const options = authProvider ? { authProvider } : { requestInit };
  const transport = new StreamableHTTPClientTransport(new URL(url), options);
  await client.connect(transport);
  return {
    client,
    revision: transport.protocolVersion,
    session: transport.sessionId,
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    /** The messages of a call that becomes a task. */
    task: (name, args) => client.experimental.tasks.callToolStream({ name, arguments: args }, undefined, { task: {} }),
    onUpdate: (heard) => client.setNotificationHandler(ResourceUpdatedNotificationSchema, heard),
    end: () => transport.terminateSession(),
    close: () => client.close(),
  };
}
