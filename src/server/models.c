#include "server/models.h"

#include "api/chat_response.h"
#include "server/call.h"

enum { BODY_BYTES = 256 << 10, CARDS_MAX = 64, ID_MAX = 256 };

static size_t cards_of(const struct call *call, struct model_card *cards)
{
    const struct service *service = call->service;
    struct engine_figures figures = {0};
    if (service->engine)
        engine_figures_read(service->engine, &figures);
    const struct text_list *aliases = &call->settings->model.aliases;
    size_t n = 0;
    for (size_t i = 0; i <= aliases->count && n < CARDS_MAX; i++)
        cards[n++] = (struct model_card){
            .id = i ? aliases->items[i - 1] : service->name,
            .created = service->loaded_s,
            .owned_by = "qvl",
            .root = i ? service->name : NULL,
            .max_model_len = figures.context,
        };
    return n;
}

void models_answer_list(struct call *call)
{
    struct model_card cards[CARDS_MAX];
    const size_t n = cards_of(call, cards);
    struct buf body;
    buf_init(&body, BODY_BYTES);
    model_list_write(&body, cards, n);
    call_respond_written(call, 200, &body);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Percent-decoded; a name that is too long or badly escaped stays as it is, and is not found. */
static struct str decoded(struct str id, char out[ID_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < id.len && n < ID_MAX; i++) {
        const bool escape = id.ptr[i] == '%' && i + 2 < id.len && hex(id.ptr[i + 1]) >= 0 &&
                            hex(id.ptr[i + 2]) >= 0;
        out[n++] = escape ? (char)(hex(id.ptr[i + 1]) << 4 | hex(id.ptr[i + 2])) : id.ptr[i];
        i += escape ? 2 : 0;
    }
    return (struct str){out, n};
}

void models_answer_one(struct call *call)
{
    char text[ID_MAX];
    const struct str id = decoded(route_id(call->route, call->exchange->request->path), text);
    struct model_card cards[CARDS_MAX];
    const size_t n = cards_of(call, cards);
    for (size_t i = 0; i < n; i++) {
        if (!str_is(id, cards[i].id))
            continue;
        struct buf body;
        buf_init(&body, BODY_BYTES);
        model_card_write(&body, &cards[i]);
        call_respond_written(call, 200, &body);
        return;
    }
    struct reason why;
    (void)call_model_not_found(call, id, &why);
    call_refuse(call, &why);
}
