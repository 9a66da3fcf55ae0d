// Tokens of issuer.mjs, as a machine gets them.

async function post(issuer, path, client, form) {
  const secret = encodeURIComponent(`secret of ${client}`);
  const response = await fetch(`${issuer}${path}`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${client}:${secret}`)}` },
    body: new URLSearchParams(form),
  });
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
  return response;
}

export async function token(issuer, resource, { client = "alice", scope = "mcp:use" } = {}) {
  const grant = { grant_type: "client_credentials", resource, scope };
  const answer = await (await post(issuer, "/token", client, grant)).json();
  return answer.access_token;
}

export async function revoke(issuer, token, client = "alice") {
  await post(issuer, "/token/revocation", client, { token });
}
