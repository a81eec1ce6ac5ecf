/* GET /health and GET /health/ready. */
#pragma once

struct call;

void health_answer(struct call *call);
void health_answer_ready(struct call *call);
