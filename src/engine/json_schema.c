#include "engine/json_schema_compiler.h"

#include <stdlib.h>

enum { ARENA_BYTES = 64 << 20, BRANCHES_MAX = 128 };

static enum status add_all(struct compiler *c, struct conjunction *conjunction,
                           const struct place *schemas)
{
    enum status status = STATUS_OK;
    uint32_t index = 0;
    for (const struct json *item = schemas->json->first; item && !status; item = item->next)
        status = conjunction_add(c, conjunction, place_child(c, schemas, item, index++));
    return status;
}

static enum status add_references(struct compiler *c, struct conjunction *conjunction,
                                  const struct place *schema)
{
    const struct place *reference = place_member(c, schema, "$ref"), *target;
    if (reference) {
        enum status status = schema_resolve(c, reference, &target);
        if (!status)
            status = conjunction_add(c, conjunction, target);
        if (status)
            return status;
    }
    const struct place *all = place_member(c, schema, "allOf");
    return all ? add_all(c, conjunction, all) : STATUS_OK;
}

/* A schema that is there already adds nothing. One that is on its way must not need itself; nor may
 * one whose branch was chosen: the branch that leads back to it says nothing new, so that no value
 * comes from it. */
static enum status add_again(struct compiler *c, struct conjunction *conjunction,
                             const struct conjunct *there, const struct place *schema)
{
    if (there->active)
        return schema_refuse(c, schema, "refers to itself without anything in between",
                             "直接引用了自身");
    conjunction->never = conjunction->never || there->any_done || there->one_done;
    return STATUS_OK;
}

enum status conjunction_add(struct compiler *c, struct conjunction *conjunction,
                            const struct place *schema)
{
    enum status status = schema_work(c, conjunction->count + 1);
    if (status || !schema)
        return status ? status : reason_no_memory(c->why, sizeof *schema);
    if (schema->json->type == JSON_BOOL) {
        conjunction->never = conjunction->never || !schema->json->truth;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < conjunction->count; i++)
        if (conjunction->list[i].place->json == schema->json)
            return add_again(c, conjunction, &conjunction->list[i], schema);
    if (conjunction->count == CONJUNCTS_MAX)
        return schema_refuse(c, schema, "is one of too many schemas that must hold at once",
                             "同时生效的 JSON Schema 过多");
    status = schema_check_keywords(c, schema);
    if (status)
        return status;
    struct conjunct *conjunct = &conjunction->list[conjunction->count++];
    *conjunct = (struct conjunct){.place = schema, .active = true};
    status = add_references(c, conjunction, schema);
    conjunct->active = false;
    return status;
}

static uint32_t bucket_of(const struct conjunction *conjunction)
{
    uint64_t hash = conjunction->count;
    for (uint32_t i = 0; i < conjunction->count; i++) {
        const struct conjunct *conjunct = &conjunction->list[i];
        hash = (hash ^ (uintptr_t)conjunct->place->json ^ (uint64_t)conjunct->any_done << 1 ^
                (uint64_t)conjunct->one_done << 2) *
               0x9E3779B97F4A7C15u;
    }
    return (uint32_t)(hash >> 40) % JOB_BUCKETS;
}

static bool is_job(const struct job *job, const struct conjunction *conjunction)
{
    if (job->count != conjunction->count || job->never != conjunction->never)
        return false;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct conjunct *a = &job->list[i], *b = &conjunction->list[i];
        if (a->place->json != b->place->json || a->any_done != b->any_done ||
            a->one_done != b->one_done)
            return false;
    }
    return true;
}

static enum status add_job(struct compiler *c, const struct conjunction *conjunction,
                           uint32_t bucket, uint32_t *out)
{
    if (c->job_count == c->job_cap) {
        const uint32_t cap = c->job_cap ? c->job_cap * 2 : 64;
        struct job *jobs = realloc(c->jobs, cap * sizeof *jobs);
        if (!jobs)
            return reason_no_memory(c->why, cap * sizeof *jobs);
        c->jobs = jobs;
        c->job_cap = cap;
    }
    struct job *job = &c->jobs[c->job_count];
    *job = (struct job){
        .count = conjunction->count, .never = conjunction->never, .next = c->buckets[bucket]};
    job->list = arena_array(&c->arena, job->count + 1, sizeof *job->list);
    if (!job->list)
        return reason_no_memory(c->why, job->count * sizeof *job->list);
    memcpy(job->list, conjunction->list, job->count * sizeof *job->list);
    const enum status status = grammar_add_node(c->grammar, &job->node, c->why);
    if (status) {
        reason_subject(c->why, "%s", c->path);
        return status;
    }
    c->buckets[bucket] = c->job_count++;
    *out = job->node;
    return STATUS_OK;
}

enum status schema_node(struct compiler *c, const struct conjunction *conjunction, uint32_t *out)
{
    const uint32_t bucket = bucket_of(conjunction);
    for (uint32_t i = c->buckets[bucket]; i != NO_NODE; i = c->jobs[i].next) {
        const enum status status = schema_work(c, 1);
        if (status)
            return status;
        if (is_job(&c->jobs[i], conjunction)) {
            *out = c->jobs[i].node;
            return STATUS_OK;
        }
    }
    return add_job(c, conjunction, bucket, out);
}

static enum status fill_choice(struct compiler *c, uint32_t node, const uint32_t *ways,
                               uint32_t count)
{
    uint32_t *copy = arena_array(&c->grammar->arena, count + 1, sizeof *copy);
    if (!copy)
        return reason_no_memory(c->why, count * sizeof *copy);
    memcpy(copy, ways, count * sizeof *copy);
    c->grammar->nodes[node].kind = NODE_CHOICE;
    c->grammar->nodes[node].choice = (struct choice_node){copy, count};
    return STATUS_OK;
}

/* One branch: the job's list, in which the branches of conjunct `which` are resolved, and it. */
static enum status branch_node(struct compiler *c, const struct job *job, uint32_t which,
                               bool one_of, const struct place *branch, uint32_t *out)
{
    struct conjunction conjunction = {.count = job->count, .never = job->never};
    memcpy(conjunction.list, job->list, job->count * sizeof *job->list);
    conjunction.list[which].any_done |= !one_of;
    conjunction.list[which].one_done |= one_of;
    const enum status status = conjunction_add(c, &conjunction, branch);
    return status ? status : schema_node(c, &conjunction, out);
}

static enum status fill_branches(struct compiler *c, const struct job *job, uint32_t which,
                                 const struct place *branches, bool one_of)
{
    uint32_t ways[BRANCHES_MAX], count = 0;
    if (branches->json->count > BRANCHES_MAX)
        return schema_refuse(c, branches, "has more than 128 branches", "的分支超过 128 个");
    enum status status = one_of ? schema_check_disjoint(c, branches) : STATUS_OK;
    for (const struct json *item = branches->json->first; item && !status; item = item->next) {
        const struct place *branch = place_child(c, branches, item, count);
        status = branch_node(c, job, which, one_of, branch, &ways[count++]);
    }
    return status ? status : fill_choice(c, job->node, ways, count);
}

/* Resolves the first anyOf or oneOf that is left; *found tells whether there was one. */
static enum status resolve_branches(struct compiler *c, const struct job *job, bool *found)
{
    *found = true;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct conjunct *conjunct = &job->list[i];
        const struct place *any = place_member(c, conjunct->place, "anyOf");
        const struct place *one = place_member(c, conjunct->place, "oneOf");
        if (any && !conjunct->any_done)
            return fill_branches(c, job, i, any, false);
        if (one && !conjunct->one_done)
            return fill_branches(c, job, i, one, true);
    }
    *found = false;
    return STATUS_OK;
}

/* A node for null or the truth values, the same for all. */
static enum status word_node(struct compiler *c, uint32_t *kept, const char *const *words,
                             size_t count, uint32_t *out)
{
    enum status status = STATUS_OK;
    if (*kept == NO_NODE) {
        status = grammar_add_node(c->grammar, kept, c->why);
        if (!status)
            status = schema_fill_word(c, words, count, *kept);
    }
    *out = *kept;
    return status;
}

static enum status fill_type(struct compiler *c, const struct job *job, uint32_t type,
                             uint32_t node)
{
    switch (type) {
    case TYPE_STRING: return schema_fill_string(c, job, node);
    case TYPE_ARRAY: return schema_fill_array(c, job, node);
    case TYPE_OBJECT: return schema_fill_object(c, job, node);
    default: return schema_fill_number(c, job, node, type == TYPE_INTEGER);
    }
}

static enum status type_node(struct compiler *c, const struct job *job, uint32_t type,
                             uint32_t *out)
{
    static const char *const truths[] = {"true", "false"}, *const null[] = {"null"};
    if (type == TYPE_NULL)
        return word_node(c, &c->null, null, ARRAY_LEN(null), out);
    if (type == TYPE_BOOLEAN)
        return word_node(c, &c->true_or_false, truths, ARRAY_LEN(truths), out);
    const enum status status = grammar_add_node(c->grammar, out, c->why);
    return status ? status : fill_type(c, job, type, *out);
}

static enum status fill_types(struct compiler *c, const struct job *job)
{
    struct types types;
    enum status status = schema_types(c, job->list, job->count, &types);
    uint32_t ways[8], count = 0, left = types.generated;
    if (left & TYPE_FRACTION) /* the automaton of numbers writes integers too */
        left &= ~(uint32_t)TYPE_INTEGER;
    for (uint32_t type = 1; type <= TYPE_OBJECT && !status; type <<= 1)
        if (left & type)
            status = type_node(c, job, type, &ways[count++]);
    return status ? status : fill_choice(c, job->node, ways, count);
}

static enum status fill(struct compiler *c, const struct job *job)
{
    bool branches;
    if (job->never)
        return STATUS_OK; /* a choice of nothing, as it was made */
    enum status status = resolve_branches(c, job, &branches);
    if (status || branches)
        return status;
    return schema_values(job->list, job->count) ? schema_fill_values(c, job) : fill_types(c, job);
}

static enum status compile(struct compiler *c, bool object, uint32_t *root)
{
    struct json type = {.key = STR("type"), .type = JSON_STRING, .text = STR("object")};
    const struct json any_object = {.type = JSON_OBJECT, .first = &type, .count = 1};
    const struct place object_place = {.json = &any_object};
    struct conjunction conjunction = {.count = 0};
    enum status status = object ? conjunction_add(c, &conjunction, &object_place) : STATUS_OK;
    if (c->document->json->type != JSON_OBJECT && c->document->json->type != JSON_BOOL)
        return schema_refuse(c, c->document, "must be a schema", "必须是 JSON Schema");
    if (!status)
        status = conjunction_add(c, &conjunction, c->document);
    if (!status)
        status = schema_node(c, &conjunction, root);
    for (uint32_t i = 0; i < c->job_count && !status; i++) {
        const struct job job = c->jobs[i]; /* a copy: filling adds jobs */
        status = fill(c, &job);
    }
    return c->no_memory ? reason_no_memory(c->why, ARENA_BYTES) : status; /* whatever came of it */
}

enum status schema_compile_into(struct grammar *grammar, const struct json *schema,
                                const char *path, bool object, uint32_t *root, struct reason *why)
{
    const struct place document = {.json = schema};
    struct compiler c = {
        .grammar = grammar,
        .document = &document,
        .path = path,
        .true_or_false = NO_NODE,
        .null = NO_NODE,
        .why = why,
    };
    for (size_t i = 0; i < JOB_BUCKETS; i++)
        c.buckets[i] = NO_NODE;
    arena_init(&c.arena, ARENA_BYTES);
    const enum status status = compile(&c, object, root);
    arena_release(&c.arena);
    free(c.jobs);
    return status;
}

static enum status compile_whole(const struct json *schema, const char *path, bool object,
                                 struct grammar **out, struct reason *why)
{
    struct grammar *grammar;
    enum status status = grammar_create(&grammar, why);
    if (status)
        return status;
    status = schema_compile_into(grammar, schema, path, object, &grammar->root, why);
    if (!status) {
        status = grammar_link(grammar, why);
        if (status)
            reason_subject(why, "%s", path);
    }
    if (status)
        grammar_release(grammar);
    else
        *out = grammar;
    return status;
}

enum status json_schema_compile(const struct json *schema, const char *path, struct grammar **out,
                                struct reason *why)
{
    return compile_whole(schema, path, false, out, why);
}

enum status grammar_any_object(struct grammar **out, struct reason *why)
{
    return compile_whole(&(struct json){.type = JSON_BOOL, .truth = true}, "", true, out, why);
}
