// Puts a token on every request, since the conformance suite has none. Told: port, target, and the server and
// issuer of the token.
import { createServer, request } from "node:http";
import { told } from "./checks.mjs";
import { token } from "./tokens.mjs";

const authorization = `Bearer ${await token(told.issuer, told.server)}`;
const target = new URL(told.target);

const server = createServer((asked, answered) => {
  const headers = asked.rawHeaders.concat(["authorization", authorization]);
  const { method, url: path } = asked;
  const passed = request({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
    answered.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(answered);
    answer.on("error", () => answered.destroy());
  });
  passed.on("error", () => answered.destroy());
  answered.on("close", () => passed.destroy());
  asked.pipe(passed);
});
server.listen(told.port, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${told.port}`));
