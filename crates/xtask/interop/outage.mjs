// An issuer that goes away and comes back. Told: the phase, the server, tokens, and the issuer where it is there.
import { check, expect, told } from "./checks.mjs";
import { token } from "./tokens.mjs";

const clientInfo = { name: "outage", version: "1.0.0" };
const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params };

async function ask(token) {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const answer = await fetch(told.server, { method: "POST", headers, body: JSON.stringify(initialize) });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** The statuses until one is `wanted`: asked again after what the gateway says, or a second. */
async function until(wanted, token) {
  const seen = new Set();
  for (;;) {
    const { status, headers } = await ask(token);
    if (status === wanted) return [...seen];
    seen.add(status);
    const seconds = Number(headers.get("retry-after") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, 1) * 1000));
  }
}

const phases = {
  async away() {
    await check(`${told.kind}: 503 while it is away`, async () => {
      const answer = await ask(told.token);
      expect(answer.status, 503, "the status");
      expect(answer.headers.has("retry-after"), true, "that it says when to come back");
      expect(answer.headers.has("www-authenticate"), false, "that it asks for another token");
    });
  },
  async back() {
    const fresh = await token(told.issuer, told.server);
    await check(`${told.kind}: once it is back its tokens count again, without a restart`, async () => {
      const between = await until(200, fresh);
      expect(between.filter((status) => status !== 503), [], "other answers until then");
    });
  },
  async known() {
    await check(`${told.kind}: a token whose keys are known counts while it is away`, async () => {
      expect((await ask(told.token)).status, 200, "the status");
    });
  },
  async rotate() {
    await fetch(`${told.issuer}/rotate`, { method: "POST" });
    const fresh = await token(told.issuer, told.server);
    const rotated = async () => {
      const between = await until(200, fresh);
      expect(between.filter((status) => status !== 401), [], "other answers until then");
      expect((await ask(told.token)).status, 200, "the status of the token before");
    };
    // The cooldown between fetches is 30 s.
    await check(`${told.kind}: a new key is found, and the old one counts on`, rotated, 45_000);
  },
};
await phases[told.phase]();
