/* GET /metrics. */
#pragma once

struct call;

void metrics_answer(struct call *call);
