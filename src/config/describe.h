/* The table of settings for people: `--help` and the reference. */
#pragma once

#include "base/buf.h"
#include "config/table.h"

#include <stdio.h>

/* One entry per flag: name, default, meaning, wrapped at 80 columns. */
void settings_help_print(const struct setting_table *table, FILE *out, enum lang lang);

/* A configuration file that sets nothing: every setting as a comment, with its default and meaning:
 * etc/qvl.yaml. */
void settings_example_write(const struct setting_table *table, struct buf *out, enum lang lang);

/* The reference in Markdown: docs/settings.md, docs/settings.zh.md. */
void settings_reference_write(const struct setting_table *table, struct buf *out, enum lang lang);

/* The manual page of the file: docs/man/qvl.yaml.5, docs/man/qvl.yaml.zh.5. */
void settings_manual_write(const struct setting_table *table, struct buf *out, enum lang lang);

/* "size, from 1KiB to 16GiB; default `64MiB`" */
void setting_type_text(const struct setting *row, struct buf *out, enum lang lang);

/* "`--server.max-body`" */
void setting_flags_text(const struct setting *row, struct buf *out);
