// A client that knows the URL of a server and its own name, and finds everything else out by itself: from the
// 401 to the metadata of the server, to its issuer, to a token. Told: the server.
import { ClientCredentialsProvider } from "@modelcontextprotocol/client";
import { ClientCredentialsProvider as ProviderV1 } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import * as v1 from "./client-v1.mjs";
import * as v2 from "./client-v2.mjs";
import { check, expectIn, told } from "./checks.mjs";

const credentials = { clientId: "alice", clientSecret: "secret of alice" };

for (const [name, { connect }, Provider, revision, scope] of [
  // This one asks a machine's token for no scope that the challenge names, but for those it was told.
  ["client-v1", v1, ProviderV1, "2025-11-25", "mcp:use"],
  ["client-v2", v2, ClientCredentialsProvider, "2025-11-25"],
  ["client-v2", v2, ClientCredentialsProvider, "2026-07-28"],
]) {
  await check(`${name} ${revision}`, async () => {
    const own = await connect({ url: told.server, revision, authProvider: new Provider({ ...credentials, scope }) });
    expectIn("hello", JSON.stringify(await own.call("echo", { message: "hello" })));
    await own.close();
  });
}
process.exit(0);
