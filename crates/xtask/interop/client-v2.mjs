// The TypeScript SDK with both eras, in the words of conversation.mjs.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export async function connect({ url, token, revision, authProvider }) {
  const versionNegotiation = { mode: revision === "2026-07-28" ? { pin: revision } : "legacy" };
  const client = new Client({ name: "interop-v2", version: "1.0.0" }, { versionNegotiation });
  const provider = authProvider ?? { token: async () => token };
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
  return {
    client,
    revision: client.getNegotiatedProtocolVersion(),
    session: transport.sessionId,
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    onUpdate: (heard) => client.setNotificationHandler("notifications/resources/updated", heard),
    onTools: (heard) => client.setNotificationHandler("notifications/tools/list_changed", heard),
    end: () => transport.terminateSession(),
    close: () => client.close(),
  };
}
