#!/bin/sh
# Both libraries define the functions of qvl.h and no other global name.
shared=$1
static=$2
wanted="qvl_chat_add_image qvl_chat_ask qvl_chat_cancel qvl_chat_create qvl_chat_free qvl_free \
qvl_model_free qvl_model_load qvl_tokenize qvl_version"
for names in "$(nm -D --defined-only "$shared")" "$(nm -g --defined-only "$static")"; do
    found=$(echo "$names" | awk 'NF == 3 { print $3 }' | sort | xargs)
    [ "$found" = "$wanted" ] || {
        echo "exported: $found"
        exit 1
    }
done
