// Prints a token. Usage: token.mjs ISSUER RESOURCE [CLIENT]
import { token } from "./tokens.mjs";

const [issuer, resource, client] = process.argv.slice(2);
console.log(await token(issuer, resource, { client }));
