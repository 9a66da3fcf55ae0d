// oidc-provider as the authorization server: tokens for machines, signed (RFC 9068) or opaque (RFC 7662).
// POST /rotate signs by a new key from then on. Usage: issuer.mjs jwt|opaque PORT KEYS-FILE
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [format, port, keysFile] = process.argv.slice(2);

function newKey() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: randomBytes(8).toString("hex") };
}

// Kept in a file, so that tokens outlive the process as they would elsewhere.
let keys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, "utf8")) : [newKey()];
writeFileSync(keysFile, JSON.stringify(keys));

const machine = (client_id) => ({
  client_id,
  client_secret: `secret of ${client_id}`,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: "ES256",
  scope: "mcp:use mcp:write",
});

function provider(issuer) {
  const made = new Provider(issuer, {
    clients: ["alice", "bob", "brief", "gateway"].map(machine),
    scopes: ["mcp:use", "mcp:write"],
    jwks: { keys },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_context, client) => client.clientId === "gateway",
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => ({
          scope: "mcp:use mcp:write",
          audience: resource,
          accessTokenFormat: format,
          accessTokenTTL: client.clientId === "brief" ? 1 : 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  made.on("server_error", (_context, error) => console.error(error));
  return made.callback();
}

let answer;
const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    keys = [newKey(), ...keys];
    answer = provider(issuer);
    return response.writeHead(204).end();
  }
  answer(request, response);
});
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
answer = provider(issuer);
console.log(`ready ${issuer}`);
