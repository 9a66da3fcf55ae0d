// Tools that ask the client something while they run, as servers up to 2025-11-25 do.
import { z } from "zod";
import { said } from "./fixture.mjs";

const OPTIONS = ["option1", "option2", "option3"];
const choice = (number, title) => ({ const: `value${number}`, title: `${title} ${number}` });
const titled = (title) => [1, 2, 3].map((number) => choice(number, title));

export function asking(tool, nothing) {
  tool("test_sampling", z.object({ prompt: z.string() }), async ({ prompt }, { mcpReq }) => {
    const messages = [{ role: "user", content: { type: "text", text: prompt } }];
    const answer = await mcpReq.send({ method: "sampling/createMessage", params: { messages, maxTokens: 100 } });
    return said(`LLM response: ${answer.content?.text}`);
  });
  const form = (name, what, properties, required) =>
    tool(name, what, async ({ message = "Please fill in" }, { mcpReq }) => {
      const requestedSchema = { type: "object", properties, required };
      const answer = await mcpReq.send({ method: "elicitation/create", params: { message, requestedSchema } });
      return said(`User response: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
    });
  form("test_elicitation", z.object({ message: z.string() }), { response: { type: "string" } }, ["response"]);
  form("test_elicitation_sep1034_defaults", nothing, {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  }, []);
  form("test_elicitation_sep1330_enums", nothing, {
    untitledSingle: { type: "string", enum: OPTIONS },
    titledSingle: { type: "string", oneOf: titled("Option") },
    legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["One", "Two", "Three"] },
    untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: OPTIONS } },
    titledMulti: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: titled("Choice") } },
  }, []);
}
