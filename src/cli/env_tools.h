/* Tools that people use beside qvl: their versions. The program itself needs none of them. */
#pragma once

enum tool { TOOL_PYTHON, TOOL_REQUESTS, TOOL_OPENAI, TOOL_CURL, TOOL_HTTPIE, TOOL_COUNT };

struct tools {
    char version[TOOL_COUNT][64]; /* "3.11.2"; empty: not there, or it did not say */
};

/* "python3", "requests", … */
const char *tool_name(enum tool tool);

/* Asks each for wall_ms at most. */
void tools_read(int wall_ms, struct tools *out);
