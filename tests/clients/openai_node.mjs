// OpenAI's SDK for Node.js, as it is. QVL_URL names the service; started by openai_node.py.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.QVL_CLIENTS + "/");
const { default: OpenAI, ...errors } = await import(pathToFileURL(require.resolve("openai")).href);

const baseURL = process.env.QVL_URL + "/v1";
const model = "qwen3-vl-demo";
const messages = [{ role: "user", content: "hello" }];
const picture = "data:image/png;base64," + readFileSync(process.env.QVL_PICTURE).toString("base64");
const client = new OpenAI({ baseURL, apiKey: "your-api-key" });
const shape = { type: "json_schema", json_schema: { name: "shape", strict: true, schema: {
    type: "object", properties: { kind: { enum: ["circle", "square"] } }, required: ["kind"],
    additionalProperties: false } } };
const weather = { type: "function", function: { name: "weather", parameters: { type: "object",
    properties: { city: { enum: ["Beijing", "Oslo"] } }, required: ["city"] } } };

function create(fields = {}, options = {}) {
    return client.chat.completions.create({ model, messages, temperature: 0, ...fields }, options);
}

/** A client whose requests are counted, with the times they were sent and what came back. */
function counting(options = {}) {
    const sent = [];
    const counted = async (url, init) => {
        const begin = performance.now();
        const response = await fetch(url, init);
        sent.push({ begin, end: performance.now(), response });
        return response;
    };
    return [new OpenAI({ baseURL, apiKey: "your-api-key", fetch: counted, ...options }), sent];
}

test("models", async () => {
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    assert.deepEqual(ids, [model, "qwen-vl-8b", "qwen3-vl-8b"]);
    assert.equal((await client.models.retrieve("qwen-vl-8b")).id, "qwen-vl-8b");
});

test("an answer about a picture", async () => {
    const answer = await create({ messages: [{ role: "user", content: [
        { type: "image_url", image_url: { url: picture } },
        { type: "text", text: process.env.QVL_QUESTION }] }] });
    assert.equal(answer.choices[0].message.content, process.env.QVL_ANSWER);
    assert.ok(answer.usage.prompt_tokens_details.image_tokens > 0);
    assert.match(answer._request_id, /^req_/);
});

test("a stream", async () => {
    const whole = (await create()).choices[0].message.content;
    let text = "", last;
    for await (const chunk of await create({ stream: true, stream_options: { include_usage: true } })) {
        text += chunk.choices[0]?.delta.content ?? "";
        last = chunk;
    }
    assert.equal(text, whole);
    assert.ok(last.usage.completion_tokens > 5);
});

test("the helper for streams", async () => {
    const whole = (await create()).choices[0].message.content;
    const runner = client.chat.completions.stream({ model, messages, temperature: 0 });
    let text = "";
    runner.on("content", (piece) => { text += piece; });
    assert.equal(await runner.finalContent(), whole);
    assert.equal(text, whole);
});

test("raw responses", async () => {
    const { data, response } = await create({ max_tokens: 1 }, { headers: { "X-Request-Id": "mine" } })
        .withResponse();
    assert.equal(response.headers.get("x-request-id"), "mine");
    assert.equal(data.usage.completion_tokens, 1);
});

test("tools", async () => {
    const answer = await create({ tools: [weather], tool_choice: "required" });
    const call = answer.choices[0].message.tool_calls[0];
    assert.equal(call.function.name, "weather");
    assert.match(JSON.parse(call.function.arguments).city, /^(Beijing|Oslo)$/);
    const runner = client.chat.completions.stream({ model, messages, temperature: 0,
        tools: [weather], tool_choice: "required" });
    assert.equal((await runner.finalMessage()).tool_calls[0].function.name, "weather");
});

test("tools that the helper runs", async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({ model, messages, temperature: 0, max_tokens: 60,
        tool_choice: { type: "function", function: { name: "weather" } },
        tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse,
            function: ({ city }) => { asked.push(city); return "Sunny in " + city; } } }] });
    await runner.done();
    assert.equal(asked.length, 1);
});

test("structured output", async () => {
    const answer = await client.chat.completions.parse({ model, messages, response_format: shape });
    assert.match(answer.choices[0].message.parsed.kind, /^(circle|square)$/);
});

test("logprobs", async () => {
    const choice = (await create({ logprobs: true, top_logprobs: 2, max_tokens: 3 })).choices[0];
    assert.equal(choice.logprobs.content.length, 3);
    assert.equal(choice.logprobs.content.map((t) => t.token).join(""), choice.message.content);
});

test("completions", async () => {
    const fields = { model, prompt: "hello", max_tokens: 3, temperature: 0 };
    const answer = await client.completions.create(fields);
    assert.equal(answer.usage.completion_tokens, 3);
    let text = "";
    for await (const chunk of await client.completions.create({ ...fields, stream: true }))
        text += chunk.choices[0]?.text ?? "";
    assert.equal(text, answer.choices[0].text);
});

const refusals = [
    ["BadRequestError", 400, "invalid_value", "temperature", { temperature: 3 }],
    ["BadRequestError", 400, "invalid_value", "temperature", { temperature: 3, stream: true }],
    ["BadRequestError", 400, "missing_field", "messages", { messages: undefined }],
    ["NotFoundError", 404, "model_not_found", "model", { model: "gpt-4o" }],
];

for (const [kind, status, code, param, fields] of refusals)
    test(`${kind} ${code} of ${param}${fields.stream ? " in a stream" : ""} is sent once`, async () => {
        const [counted, sent] = counting();
        await assert.rejects(
            counted.chat.completions.create({ model, messages, ...fields }), (error) => {
                assert.ok(error instanceof errors[kind] || error instanceof OpenAI[kind]);
                assert.deepEqual([error.status, error.code, error.param, error.type],
                    [status, code, param, "invalid_request_error"]);
                assert.match(error.requestID, /^req_/);
                return true;
            });
        assert.equal(sent.length, 1);
    });

test("a wrong method and a wrong route are sent once", async () => {
    for (const call of [(c) => c.models.delete(model), (c) => c.embeddings.create({ model, input: "x" })]) {
        const [counted, sent] = counting();
        await assert.rejects(call(counted), (e) => [404, 405].includes(e.status));
        assert.equal(sent.length, 1);
    }
});

test("nobody is there", async () => {
    const other = new OpenAI({ baseURL: "http://127.0.0.1:1/v1", apiKey: "x", maxRetries: 0 });
    await assert.rejects(other.models.list(), OpenAI.APIConnectionError);
});

test("the client's deadline", async () => {
    const [counted, sent] = counting({ timeout: 300, maxRetries: 0 });
    await assert.rejects(counted.chat.completions.create(
        { model, messages, n: 16, max_tokens: 8000, ignore_eos: true }), OpenAI.APIConnectionTimeoutError);
    assert.equal(sent.length, 0);
});

test("a stream that is aborted", async () => {
    const stream = await create({ stream: true, max_tokens: 8000, ignore_eos: true },
        { headers: { "X-Request-Id": "aborted" } });
    for await (const _ of stream) {
        stream.controller.abort();
        break;
    }
});

test("a model that is being loaded is asked for again after the time named", async () => {
    const [counted, sent] = counting({ baseURL: process.env.QVL_LOADING_URL + "/v1", maxRetries: 5 });
    await counted.chat.completions.create({ model, messages, max_tokens: 1 });
    assert.ok(sent.length >= 2);
    for (let i = 0; i + 1 < sent.length; i++) {
        const { status, headers } = sent[i].response;
        assert.equal(status, 503);
        assert.equal(headers.get("x-should-retry"), "true");
        const wait = Number(headers.get("retry-after-ms"));
        assert.ok(wait > 0 && sent[i + 1].begin - sent[i].end >= wait - 20);
    }
});
