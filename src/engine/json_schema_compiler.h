/* The inside of json_schema.c: compiling runs on conjunctions, lists of schemas that a value must
 * satisfy all at once, so that allOf, $ref and their neighbours need no merging.
 *
 * Each conjunction becomes one node of the grammar; the same conjunction becomes the same node,
 * which is how schemas may refer to themselves. */
#pragma once

#include "engine/grammar_nodes.h"
#include "engine/grammar_number.h"
#include "engine/json_schema.h"

/* A value of the schema's document and how it was reached. */
struct place {
    const struct json *json;
    const struct place *parent; /* NULL: the document */
    struct str name;            /* of a member; ptr NULL: an element of an array */
    uint32_t index;
};

struct conjunct {
    const struct place *place; /* an object */
    bool any_done, one_done;   /* its anyOf, oneOf is resolved: a branch of it is in the list */
    bool active;               /* while it is being added */
};

enum { CONJUNCTS_MAX = 64 };

struct conjunction {
    struct conjunct list[CONJUNCTS_MAX];
    uint32_t count;
    bool never; /* nothing satisfies it */
};

struct job {
    struct conjunct *list;
    uint32_t count;
    bool never;
    uint32_t node;
    uint32_t next; /* in its hash chain; NO_NODE: the last */
};

enum { JOB_BUCKETS = 1024 };

struct compiler {
    struct grammar *grammar;
    const struct place *document;
    const char *path; /* of the document */
    struct arena arena;
    struct job *jobs; /* [job_cap] */
    uint32_t job_count, job_cap;
    uint32_t buckets[JOB_BUCKETS];
    uint32_t true_or_false, null; /* their nodes; NO_NODE: not made yet */
    uint32_t properties;          /* of all objects */
    uint64_t work;
    bool no_memory; /* a place is missing: compiling fails in the end */
    struct reason *why;
};

/* json_schema_place.c */

/* The member of an object by its name; NULL if there is none (or no memory). */
const struct place *place_member(struct compiler *c, const struct place *object, const char *name);
const struct place *place_child(struct compiler *c, const struct place *parent,
                                const struct json *json, uint32_t index);

/* Sets a reason of code invalid_schema about a place. Returns STATUS_INVALID. */
enum status schema_refuse(struct compiler *c, const struct place *place, const char *en,
                          const char *zh);

/* Makes a place the subject of a reason that is already set. */
void schema_blame(struct compiler *c, const struct place *place);

/* Every keyword is known, and of the right type. */
MUST_CHECK enum status schema_check_keywords(struct compiler *c, const struct place *place);

MUST_CHECK enum status schema_resolve(struct compiler *c, const struct place *reference,
                                      const struct place **out);

/* Counts work; false (with a reason) beyond what one schema may cost. */
MUST_CHECK enum status schema_work(struct compiler *c, uint64_t steps);

/* Counts what making an automaton cost. */
MUST_CHECK enum status schema_work_of(struct compiler *c, const struct dfa *dfa);

/* json_schema.c */

/* Compiles into a grammar that has other parts too; *root is the schema's node. object: it must be
 * an object, whatever else the schema says. */
MUST_CHECK enum status schema_compile_into(struct grammar *grammar, const struct json *schema,
                                           const char *path, bool object, uint32_t *root,
                                           struct reason *why);

/* Adds a schema with what it refers to. */
MUST_CHECK enum status conjunction_add(struct compiler *c, struct conjunction *conjunction,
                                       const struct place *schema);

/* The node of a conjunction. */
MUST_CHECK enum status schema_node(struct compiler *c, const struct conjunction *conjunction,
                                   uint32_t *out);

/* json_schema_types.c */

enum {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_FRACTION = 8, /* numbers that are no integers */
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_ALL = 127,
};

struct types {
    uint32_t allowed;   /* by `type` */
    uint32_t generated; /* of these those that the schema speaks of, if it has no `type` */
};
MUST_CHECK enum status schema_types(struct compiler *c, const struct conjunct *list, uint32_t count,
                                    struct types *out);
uint32_t schema_type_of(const struct json *value);

/* json_schema_oneof.c: no value satisfies two branches. */
MUST_CHECK enum status schema_check_disjoint(struct compiler *c, const struct place *one_of);

/* json_schema_values.c */

/* The first conjunct with enum or const; NULL if there is none. */
const struct conjunct *schema_values(const struct conjunct *list, uint32_t count);

/* Calls `visit` for each value of enum or const. */
MUST_CHECK enum status schema_each_value(const struct conjunct *values,
                                         enum status (*visit)(void *arg, const struct json *value),
                                         void *arg);
bool schema_values_equal(const struct json *a, const struct json *b);
MUST_CHECK enum status schema_fill_values(struct compiler *c, const struct job *job);

/* json_schema_leaves.c, json_schema_containers.c: fill a node from the conjuncts. */
MUST_CHECK enum status schema_fill_number(struct compiler *c, const struct job *job, uint32_t node,
                                          bool integer);
MUST_CHECK enum status schema_fill_string(struct compiler *c, const struct job *job, uint32_t node);
MUST_CHECK enum status schema_fill_word(struct compiler *c, const char *const *words, size_t count,
                                        uint32_t node);
MUST_CHECK enum status schema_fill_array(struct compiler *c, const struct job *job, uint32_t node);
MUST_CHECK enum status schema_fill_object(struct compiler *c, const struct job *job, uint32_t node);

/* The strongest minItems and maxItems. */
MUST_CHECK enum status schema_gather_items(struct compiler *c, const struct job *job,
                                           struct length_range *out);

/* Does a value keep to the bounds of its type: lengths, numbers? What is inside arrays and objects
 * is not looked at. */
MUST_CHECK enum status schema_keeps_bounds(struct compiler *c, const struct job *job,
                                           const struct json *value, bool *out);
