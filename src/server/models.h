/* GET /v1/models and GET /v1/models/{id}. */
#pragma once

struct call;

void models_answer_list(struct call *call);
void models_answer_one(struct call *call);
