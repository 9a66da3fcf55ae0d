// The fixture over standard input and output.
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createServer } from "./fixture.mjs";

const way = (server) => ({
  tools: () => server.sendToolListChanged(),
  prompts: () => server.sendPromptListChanged(),
});
serveStdio(() => createServer(way));
