// Tools that ask by their results and are called once more with the answers, as 2026-07-28 has it.
import { CLIENT_CAPABILITIES_META_KEY, acceptedContent, inputRequired } from "@modelcontextprotocol/server";
import { said, text } from "./fixture.mjs";

const form = (message, name, type = "string") =>
  inputRequired.elicit({ message, requestedSchema: { type: "object", properties: { [name]: { type } }, required: [name] } });
const sample = (words) =>
  inputRequired.createMessage({ messages: [{ role: "user", content: text(words) }], maxTokens: 100 });
const ask = (inputRequests, requestState) => inputRequired({ inputRequests, ...(requestState && { requestState }) });

export function rounds(server, tool, nothing, states) {
  /** A tool that completes by `done`, or asks by `asked` as long as that gives nothing. */
  const round = (name, done, asked) =>
    tool(name, nothing, async (_, { mcpReq }) => {
      const result = done(mcpReq.inputResponses ?? {}, mcpReq);
      return result === undefined ? asked(mcpReq) : said(result);
    });
  const accepted = (responses, name) => acceptedContent(responses, name);
  const named = (responses) => accepted(responses, "user_name")?.name;
  const seal = (state) => states.mint({ ...state, nonce: crypto.randomUUID() });

  round("test_missing_capability", (r) => r.llm_answer && "pong", () => ask({ llm_answer: sample("Reply with one word: pong") }));
  round(
    "test_input_required_result_elicitation",
    (r) => (typeof named(r) === "string" ? `Hello, ${named(r)}!` : undefined),
    () => ask({ user_name: form("What is your name?", "name") }),
  );
  round(
    "test_input_required_result_sampling",
    (r) => r.capital_question && `Sampling response: ${r.capital_question.content?.text}`,
    () => ask({ capital_question: sample("What is the capital of France?") }),
  );
  round(
    "test_input_required_result_list_roots",
    ({ client_roots: r }) => r?.roots && `Client exposed ${r.roots.length} root(s): ${r.roots.map((root) => root.uri)}`,
    () => ask({ client_roots: inputRequired.listRoots() }),
  );
  const confirm = async () => ask({ confirm: form("Please confirm", "ok", "boolean") }, await seal({}));
  // A state that was tampered with does not get here: the SDK asks `requestState.verify` before.
  const confirmed = (words) => (r, request) => (accepted(r, "confirm") && request.requestState() ? words : undefined);
  round("test_input_required_result_request_state", confirmed("state-ok: requestState verified"), confirm);
  round("test_input_required_result_tampered_state", confirmed("integrity-ok: requestState verified"), confirm);
  round(
    "test_input_required_result_multiple_inputs",
    ({ greeting, client_roots: roots, ...r }) =>
      named(r) && greeting && roots ? `${greeting.content?.text} ${named(r)}: ${roots.roots.length}` : undefined,
    async () => {
      const requests = {
        user_name: form("What is your name?", "name"),
        greeting: sample("Generate a greeting"),
        client_roots: inputRequired.listRoots(),
      };
      return ask(requests, await seal({}));
    },
  );
  round(
    "test_input_required_result_multi_round",
    (r, request) => {
      const { round, name } = request.requestState() ?? {};
      return round === 2 ? `Multi-round complete: ${name} likes ${accepted(r, "step2")?.color}` : undefined;
    },
    async ({ requestState, inputResponses }) => {
      if (requestState()?.round !== 1) return ask({ step1: form("Your name?", "name") }, await seal({ round: 1 }));
      const name = accepted(inputResponses, "step1")?.name;
      return ask({ step2: form("Your favorite color?", "color") }, await seal({ round: 2, name }));
    },
  );
  round(
    "test_input_required_result_capabilities",
    (r) => (Object.keys(r).length ? "all answered" : undefined),
    ({ envelope }) => {
      const can = envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
      const requests = {
        ...(can.elicitation && { user_name: form("What is your name?", "name") }),
        ...(can.sampling && { greeting: sample("Generate a short greeting") }),
        ...(can.roots && { client_roots: inputRequired.listRoots() }),
      };
      return Object.keys(requests).length ? ask(requests) : said("nothing to ask with");
    },
  );
  server.registerPrompt("test_input_required_result_prompt", { description: "asks first" }, async ({ mcpReq }) => {
    const context = accepted(mcpReq.inputResponses, "user_context")?.context;
    if (typeof context !== "string") return ask({ user_context: form("Which context?", "context") });
    return { messages: [{ role: "user", content: text(`Use the following context: ${context}`) }] };
  });
}
