/* From a prepared job to the sequences of the engine. */
#include "server/job.h"

#include <math.h>

enum { USUAL_MAX_TOKENS = 4096 };

static float or_usual(double asked, double usual)
{
    return (float)(isnan(asked) ? usual : asked);
}

/* The request's word, else the configuration's, else the checkpoint's. */
static struct sampling sampling_of(const struct job *job)
{
    const struct generation_params *p = job->params;
    const struct settings *set = job->call->settings;
    const struct generation_defaults *usual = &job->service->model->config.generation;
    const double temperature = usual->do_sample ? usual->temperature : 0;
    const double top_p = set->model.defaults.top_p,
                 set_temperature = set->model.defaults.temperature;
    const int64_t top_k = set->model.defaults.top_k >= 0 ? set->model.defaults.top_k : usual->top_k;
    return (struct sampling){
        .temperature =
            or_usual(p->temperature, isnan(set_temperature) ? temperature : set_temperature),
        .top_p = or_usual(p->top_p, isnan(top_p) ? usual->top_p : top_p),
        .min_p = or_usual(p->min_p, usual->min_p),
        .top_k = (uint32_t)(p->top_k >= 0 ? p->top_k : top_k),
        .repetition_penalty = or_usual(p->repetition_penalty, usual->repetition_penalty),
        .presence_penalty = or_usual(p->presence_penalty, 0),
        .frequency_penalty = or_usual(p->frequency_penalty, 0),
        .allowed = p->allowed.ids,
        .allowed_count = p->allowed.count,
        .seed = (uint64_t)p->seed,
        .seeded = p->has_seed,
    };
}

static enum status refuse_excess(int64_t asked, uint32_t room, uint32_t prompt, struct reason *why)
{
    reason_set(why, "context_length_exceeded",
               "max_tokens is %lld, but the prompt's %u tokens leave room for %u.",
               "max_tokens 为 %lld，而提示占用 %u 个 token 后只剩 %u 个的空间。", (long long)asked,
               prompt, room);
    reason_hint(why, "Ask for at most %u, or shorten the prompt.",
                "请将其设为不超过 %u，或缩短提示。", room);
    reason_subject(why, "max_tokens");
    return STATUS_LIMIT;
}

/* How many tokens may be generated in the room that a prompt leaves. */
static enum status max_tokens_of(struct job *job, uint32_t prompt, uint32_t *out,
                                 struct reason *why)
{
    struct engine_figures figures;
    engine_figures_read(job->service->engine, &figures);
    const uint32_t room = figures.context > prompt ? figures.context - prompt : 1;
    const int64_t set = job->call->settings->model.defaults.max_tokens;
    const int64_t asked = job->params->max_tokens;
    if (asked > room && figures.context > prompt &&
        job->call->settings->server.excess_tokens == EXCESS_REFUSE)
        return refuse_excess(asked, room, prompt, why);
    if (asked > room && (job->clamped_tokens == 0 || room < job->clamped_tokens))
        job->clamped_tokens = room;
    const int64_t wanted = asked >= 0 ? asked : set > 0 ? set : USUAL_MAX_TOKENS;
    *out = wanted < room ? (uint32_t)wanted : room;
    return STATUS_OK;
}

/* What all answers have in common. */
struct submission {
    struct sampling sampling;
    uint64_t prefix_seed;
};

static void fill_request(const struct job *job, struct answer *answer,
                         const struct submission *common, struct engine_request *out)
{
    const struct generation_params *p = job->params;
    const uint32_t max_tokens = out->max_tokens;
    *out = (struct engine_request){
        .prompt = answer->prompt,
        .sampling = common->sampling,
        .max_tokens = max_tokens,
        .min_tokens = (uint32_t)(p->min_tokens < max_tokens ? p->min_tokens : max_tokens),
        .ignore_eos = p->ignore_eos,
        .skip_special = !p->keep_special,
        .stop_count = p->stop_count,
        .include_stop = p->include_stop,
        .stop_ids = p->stop_ids.ids,
        .stop_id_count = p->stop_ids.count,
        .bad_words = p->bad_word_count > 0 ? &job->bad_words : NULL,
        .logprobs = p->logprobs,
        .top_logprobs = (uint32_t)p->top_logprobs,
        .prompt_logprobs = job->scores_prompt,
        .prefix_seed = common->prefix_seed,
        .grammar = job->grammar,
        .grammar_after = -1,
        .on_event = choice_on_event,
        .arg = &answer->choice,
    };
    /* The answers to a prompt differ, and the first is what n = 1 gives. */
    out->sampling.seed += answer->choice.index % (uint32_t)p->n;
    for (uint32_t k = 0; k < p->stop_count; k++)
        out->stop[k] = p->stop[k];
}

/* Nothing is to be generated: the answer is there already. */
static void finish_at_once(struct answer *answer)
{
    answer->finish = FINISH_LENGTH;
    answer->choice.finished = true;
}

/* "messages", "prompt", or "prompt[3]". */
static void blame_prompt(const struct job *job, const struct answer *answer, struct reason *why)
{
    if (job->prompt_count > 1)
        reason_subject(why, "%s[%u]", job->kind->prompt_field,
                       answer->choice.index / (uint32_t)job->params->n);
    else
        reason_subject(why, "%s", job->kind->prompt_field);
}

static enum status submit_one(struct job *job, struct answer *answer,
                              const struct submission *common, struct reason *why)
{
    struct engine_request request = {0};
    enum status status = max_tokens_of(job, answer->prompt_tokens, &request.max_tokens, why);
    if (status)
        return status;
    if (request.max_tokens == 0 && !job->scores_prompt) {
        finish_at_once(answer);
        return STATUS_OK;
    }
    if (request.max_tokens == 0)
        request.max_tokens = 1; /* which job_take_news drops */
    fill_request(job, answer, common, &request);
    if (job->kind->shape)
        status = job->kind->shape(job, answer, &request, why);
    if (status)
        return status;
    answer->prompt = (struct prompt_input){0}; /* taken over */
    status = engine_submit(job->service->engine, &request, &answer->choice.sequence, why);
    job->unfinished += !status;
    if (status && strcmp(why->code, "context_length_exceeded") == 0)
        blame_prompt(job, answer, why);
    return status;
}

static bool copy_biases(struct job *job, struct sampling *sampling)
{
    const struct generation_params *p = job->params;
    struct logit_bias *biases = arena_array(&job->arena, p->bias_count, sizeof *biases);
    if (!biases)
        return false;
    for (uint32_t i = 0; i < p->bias_count; i++)
        biases[i] = (struct logit_bias){p->biases[i].id, p->biases[i].bias};
    sampling->biases = biases;
    sampling->bias_count = p->bias_count;
    return true;
}

static void count_prompts(struct job *job)
{
    const uint32_t per_prompt = job->answer_count / job->prompt_count;
    for (uint32_t i = 0; i < job->answer_count; i++) {
        struct answer *answer = &job->answers[i];
        answer->prompt_tokens = (uint32_t)answer->prompt.tokens.count;
        if (i % per_prompt > 0)
            continue;
        job->call->prompt_tokens += answer->prompt_tokens;
        job->image_tokens += answer->prompt.image_tokens;
        job->call->image_tokens += (uint32_t)answer->prompt.image_tokens;
    }
}

void job_submit(struct job *job)
{
    struct reason why;
    const struct str salt = job->params->cache_salt;
    struct submission common = {
        .sampling = sampling_of(job),
        /* Only those who know the salt find its prompts again. */
        .prefix_seed = salt.len > 0 ? str_hash(salt) : 0,
    };
    count_prompts(job);
    if (!copy_biases(job, &common.sampling)) {
        (void)reason_no_memory(&why, JOB_ARENA_BYTES);
        job_fail(job, &why);
        return;
    }
    for (uint32_t i = 0; i < job->answer_count && !job->failed; i++)
        if (submit_one(job, &job->answers[i], &common, &why) != STATUS_OK)
            job_fail(job, &why);
}
