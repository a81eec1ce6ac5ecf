/* Broken checkpoints: each gives its code and a sentence that names the file and the tensor. */
#include "base/test.h"
#include "edit.h"
#include "engine/model.h"

#define WEIGHTS "model.safetensors"
#define INDEX   "model.safetensors.index.json"
#define SHARD   "model-00002-of-00003.safetensors"
#define FIRST   "model-00001-of-00003.safetensors"
#define EMBED   "model.language_model.embed_tokens.weight"
#define TABLE   "model.visual.pos_embed.weight"

static const struct fault faults[] = {
    /* The good ones load: a fault is the edit's, not the copy's. */
    {"tiny-a", NULL, EDIT_NONE, NULL, NULL, NULL, NULL},
    {"tiny-b", NULL, EDIT_NONE, NULL, NULL, NULL, NULL},
    {"tiny-c", NULL, EDIT_NONE, NULL, NULL, NULL, NULL},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": 256.0", NULL,
     NULL},
    {"tiny-c", "preprocessor_config.json", EDIT_REMOVE, NULL, NULL, NULL, NULL},
    {"tiny-c", "generation_config.json", EDIT_REMOVE, NULL, NULL, NULL, NULL},

    /* The folder. */
    {"tiny-c", NULL, EDIT_ABSENT, NULL, NULL, "missing_file", NULL},
    {"tiny-c", NULL, EDIT_EMPTY, NULL, NULL, "missing_file", "config.json"},
    {"tiny-c", NULL, EDIT_FILE, NULL, NULL, "not_a_checkpoint", NULL},

    /* Files that are not what they should be. */
    {"tiny-c", WEIGHTS, EDIT_REMOVE, NULL, NULL, "missing_file", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_DIRECTORY, NULL, NULL, "unreadable", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LOOP, NULL, NULL, "unreadable", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_WRITE, NULL, "", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_WRITE, NULL,
     "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3658376\n",
     "not_a_checkpoint", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_WRITE, NULL, "\n<!DOCTYPE html><html>404</html>", "not_a_checkpoint",
     WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_WRITE, NULL, "GGUF\x03", "not_a_checkpoint", WEIGHTS},
    {"tiny-c", "config.json", EDIT_WRITE, NULL, "<html></html>", "not_a_checkpoint", "config.json"},
    {"tiny-c", "tokenizer.json", EDIT_WRITE, NULL,
     "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 11422654\n",
     "not_a_checkpoint", "tokenizer.json"},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "<html></html>", "not_a_checkpoint", INDEX},

    /* The container's header. */
    {"tiny-c", WEIGHTS, EDIT_CUT, NULL, "4", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_CUT, NULL, "8", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_CUT, NULL, "1000", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_CUT, NULL, "2000000", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_CUT, NULL, "3658375", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_APPEND, NULL, "x", "wrong_size", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "0", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "1", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "10367", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "10376", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "3658369", "truncated", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "0x10000000000", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "0x8000000000000000", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_LENGTH, NULL, "0xFFFFFFFFFFFFFFFF", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"pt\"", "\"\xFF\xFE\"", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\"", "'dtype'", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_HEADER, NULL, "[]", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_HEADER, NULL, "{}", "missing_tensor", EMBED},
    {"tiny-c", WEIGHTS, EDIT_HEADER, NULL, "{} {}", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_HEADER, NULL, "{\"a\":1}", "bad_header", "a"},
    {"tiny-c", WEIGHTS, EDIT_HEADER, NULL, "{\"a\":{\"b\":{\"c\":[[[[[[[[[[]]]]]]]]]]}}}",
     "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"" TABLE "\"", "\"" EMBED "\"", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"" EMBED "\"", "\"a\\u0000b\"", "bad_header", WEIGHTS},

    /* One tensor's description. */
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\":\"BF16\"", "\"dtype\":\"F64\"", "wrong_dtype",
     EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\":\"BF16\"", "\"dtype\":\"I8\"", "wrong_dtype",
     EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\":\"BF16\"", "\"dtype\":16", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\":\"BF16\",", "", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"dtype\":\"BF16\"", "\"dtype\":\"F16\",\"dtype\":\"BF16\"",
     "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[-1600,256]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[1600,256.5]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[1600,NaN]", "bad_header", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[1600,\"256\"]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[9223372036854775808,256]", "bad_header",
     EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "409600", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[4294967296,4294967296]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[9223372036854775807,2]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[1600,512]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[800,512]", "wrong_shape", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[1,1,1,1,1600,256]", "wrong_shape", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256]", "[409600]", "wrong_shape", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[0,819199]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[0,9000000000]", "wrong_size", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[819200,0]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[-1,819199]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[0.5,819200.5]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[0,1e400]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[9223372036854775808,9223372036855595008]",
     "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[9000000000000000000,9000000000000819200]",
     "truncated", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[0,819200]", "[0]", "bad_header", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[3631616,3648000]", "[3631618,3648002]", "truncated", TABLE},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[819200,819712]", "[0,512]", "overlapping", WEIGHTS},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[819200,819712]", "[819198,819710]", "overlapping",
     "layers.0.input_layernorm"},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "[1600,256],\"data_offsets\":[0,819200]",
     "[1599,256],\"data_offsets\":[0,818688]", "bad_header", "layers.0.input_layernorm"},

    /* Tensors that are not there, or should not be. */
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"" TABLE "\"", "\"" TABLE "2\"", "missing_tensor", TABLE},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"" EMBED "\"", "\"embedding\"", "missing_tensor", EMBED},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "\"" TABLE "\"",
     "\"model.visual.more.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
     "\"" TABLE "\"",
     "extra_tensor", "model.visual.more.weight"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2",
     "extra_tensor", "layers.2."},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4",
     "missing_tensor", "layers.3."},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"tie_word_embeddings\": true",
     "\"tie_word_embeddings\": false", "missing_tensor", "lm_head.weight"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"intermediate_size\": 256",
     "\"intermediate_size\": 512", "wrong_shape", "mlp"},

    /* FP8: codes, and their scales. */
    {"tiny-fp8", NULL, EDIT_NONE, NULL, NULL, NULL, NULL},
    {"tiny-fp8", WEIGHTS, EDIT_REPLACE, "layers.1.mlp.up_proj.weight_scale_inv",
     "layers.1.mlp.up_proj.weight_scale_x", "missing_tensor", "up_proj.weight_scale_inv"},
    {"tiny-fp8", WEIGHTS, EDIT_REPLACE, "\"shape\":[2,2]", "\"shape\":[1,4]", "wrong_shape",
     "weight_scale_inv"},
    {"tiny-fp8", WEIGHTS, EDIT_REPLACE, "BF16\",\"shape\":[256]", "F8_E4M3\",\"shape\":[512]",
     "wrong_shape", "layernorm"},
    {"tiny-c", WEIGHTS, EDIT_REPLACE, "BF16\",\"shape\":[1600,256]",
     "F8_E4M3\",\"shape\":[1600,512]", "wrong_shape", EMBED},
    {"tiny-fp8", "config.json", EDIT_REPLACE, "\"fp8\"", "\"awq\"", "bad_config", "awq"},
    {"tiny-fp8", "config.json", EDIT_REPLACE, "\"fp8\"", "\"compressed-tensors\"", "bad_config",
     "compressed-tensors"},
    {"tiny-fp8", "config.json", EDIT_REPLACE, "\"quant_method\"", "\"quant\"", "bad_config",
     "quantization_config.quant_method"},
    {"tiny-fp8", "config.json", EDIT_REPLACE, "\"e4m3\"", "\"e5m2\"", "bad_config", "fmt"},
    {"tiny-fp8", "config.json", EDIT_REPLACE, "128,\n      128", "64,\n      64", "bad_config",
     "weight_block_size"},

    /* Shards and their index. */
    {"tiny-a", SHARD, EDIT_REMOVE, NULL, NULL, "missing_file", SHARD},
    {"tiny-a", SHARD, EDIT_CUT, NULL, "4000000", "truncated", SHARD},
    {"tiny-a", INDEX, EDIT_REMOVE, NULL, NULL, "missing_file", WEIGHTS},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "{\"weight_map\":", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "[]", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "{\"weight_map\":{}}", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_WRITE, NULL, "{\"weight_map\":[]}", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_DIRECTORY, NULL, NULL, "unreadable", INDEX},
    {"tiny-a", INDEX, EDIT_REPLACE, "\"" FIRST "\"", "7", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_REPLACE, FIRST, "../model.safetensors", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_REPLACE, FIRST, "/etc/x.safetensors", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_REPLACE, FIRST, "a\\u0000.safetensors", "bad_index", INDEX},
    {"tiny-a", INDEX, EDIT_REPLACE, FIRST, "nowhere.safetensors", "missing_file",
     "nowhere.safetensors"},
    {"tiny-a", INDEX, EDIT_REPLACE, FIRST, SHARD, "bad_index", "lm_head.weight"},
    {"tiny-a", INDEX, EDIT_REPLACE, "\"lm_head.weight\"", "\"lm_head.height\"", "missing_tensor",
     "lm_head.height"},
    {"tiny-a", INDEX, EDIT_REPLACE, "\"lm_head.weight\"", "\"lm_head.weight\\u0000\\u0000\"",
     "missing_tensor", "lm_head.weight"},

    /* config.json */
    {"tiny-c", "config.json", EDIT_REMOVE, NULL, NULL, "missing_file", "config.json"},
    {"tiny-c", "config.json", EDIT_DIRECTORY, NULL, NULL, "unreadable", "config.json"},
    {"tiny-c", "config.json", EDIT_WRITE, NULL, "", "bad_config", "config.json"},
    {"tiny-c", "config.json", EDIT_WRITE, NULL, "[]", "bad_config", "config.json"},
    {"tiny-c", "config.json", EDIT_WRITE, NULL, "{}", "unknown_architecture", "model_type"},
    {"tiny-c", "config.json", EDIT_CUT, NULL, "500", "bad_config", "config.json"},
    {"tiny-c", "config.json", EDIT_WRITE, NULL, "{\"model_type\":\"qwen3_vl\"}", "bad_config",
     "text_config"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"qwen3_vl\"", "\"qwen2_5_vl\"",
     "unknown_architecture", "qwen2_5_vl"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"qwen3_vl\"", "\"qwen3_vl_moe\"",
     "unknown_architecture", "qwen3_vl_moe"},
    {"tiny-c", "config.json", EDIT_REPLACE, "Qwen3VLFor", "LlamaFor", "unknown_architecture",
     "LlamaFor"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": 0",
     "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": -256",
     "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256",
     "\"hidden_size\": 18446744073709551615", "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": \"256\"",
     "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": 256.5",
     "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": NaN",
     "bad_config", "config.json"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"hidden_size\": 256", "\"hidden_size\": null",
     "bad_config", "hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_hidden_layers\": 3",
     "\"num_hidden_layers\": 1000000", "bad_config", "num_hidden_layers"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_key_value_heads\": 1",
     "\"num_key_value_heads\": 3", "bad_config", "num_key_value_heads"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"head_dim\": 128", "\"head_dim\": 127", "bad_config",
     "head_dim"},
    {"tiny-c", "config.json", EDIT_REPLACE, "24,", "25,", "bad_config", "mrope_section"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_type\": \"default\"",
     "\"rope_type\": \"dynamic\"", "bad_config", "rope_type"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_type\": \"default\"",
     "\"rope_type\": \"yarn\", \"factor\": 0.5", "bad_config", "factor"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_type\": \"default\"",
     "\"rope_type\": \"yarn\", \"factor\": 2, \"beta_fast\": 1, \"beta_slow\": 2", "bad_config",
     "beta_fast"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_type\": \"default\"",
     "\"rope_type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 0",
     "bad_config", "original_max_position_embeddings"},
    {"tiny-c", "config.json", EDIT_REPLACE, "24,", "-24,", "bad_config", "mrope_section"},
    {"tiny-c", "config.json", EDIT_REPLACE, "24,", "\"24\",", "bad_config", "mrope_section"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"mrope_section\"", "\"section\"", "bad_config",
     "mrope_section"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_scaling\"", "\"rope\"", "bad_config",
     "rope_scaling"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"",
     "bad_config", "factor"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rope_theta\": 5000000", "\"rope_theta\": -5",
     "bad_config", "rope_theta"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e999",
     "bad_config", "rms_norm_eps"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"attention_bias\": false", "\"attention_bias\": true",
     "bad_config", "attention_bias"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"tie_word_embeddings\": true",
     "\"tie_word_embeddings\": \"yes\"", "bad_config", "tie_word_embeddings"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"depth\": 3", "\"depth\": 2", "bad_config",
     "deepstack_visual_indexes"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"deepstack_visual_indexes\": [",
     "\"deepstack_visual_indexes\": [-1,", "bad_config", "deepstack_visual_indexes"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"deepstack_visual_indexes\"", "\"deepstack\"",
     "bad_config", "deepstack_visual_indexes"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_heads\": 1", "\"num_heads\": 3", "bad_config",
     "num_heads"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"num_position_embeddings\": 256",
     "\"num_position_embeddings\": 257", "bad_config", "num_position_embeddings"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"out_hidden_size\": 256", "\"out_hidden_size\": 128",
     "bad_config", "out_hidden_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"patch_size\": 16", "\"patch_size\": 14",
     "bad_config", "patch_size"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"image_token_id\": 1548", "\"image_token_id\": 99999",
     "bad_config", "image_token_id"},

    /* Its companions. */
    {"tiny-c", "generation_config.json", EDIT_WRITE, NULL, "nonsense", "bad_config",
     "generation_config.json"},
    {"tiny-c", "generation_config.json", EDIT_REPLACE, "0.7", "\"hot\"", "bad_config",
     "temperature"},
    {"tiny-c", "generation_config.json", EDIT_REPLACE, "0.8", "8", "bad_config", "top_p"},
    {"tiny-c", "generation_config.json", EDIT_REPLACE, "\"top_k\": 20", "\"top_k\": -1",
     "bad_config", "top_k"},
    {"tiny-c", "generation_config.json", EDIT_REPLACE, "1538,", "99999,", "bad_config",
     "eos_token_id"},
    {"tiny-c", "preprocessor_config.json", EDIT_WRITE, NULL, "[1, 2]", "bad_config",
     "preprocessor_config.json"},
    {"tiny-c", "preprocessor_config.json", EDIT_REPLACE, "0.5", "0.25", "bad_config", "image_mean"},
    {"tiny-c", "preprocessor_config.json", EDIT_REPLACE, "\"image_mean\": [",
     "\"image_mean\": 3, \"x\": [", "bad_config", "image_mean"},
    {"tiny-c", "preprocessor_config.json", EDIT_REPLACE, "\"patch_size\": 16", "\"patch_size\": 14",
     "bad_config", "patch_size"},
    {"tiny-c", "preprocessor_config.json", EDIT_REPLACE, "65536", "-5", "bad_config",
     "shortest_edge"},
    {"tiny-c", "preprocessor_config.json", EDIT_REPLACE, "\"size\": {", "\"size\": 5, \"x\": {",
     "bad_config", "size"},
    {"tiny-c", "video_preprocessor_config.json", EDIT_REPLACE, "4096", "1e30", "bad_config",
     "shortest_edge"},

    /* The tokenizer (more in src/model/tokenizer_test.c), the template. */
    {"tiny-c", "tokenizer.json", EDIT_REMOVE, NULL, NULL, "missing_file", "tokenizer.json"},
    {"tiny-c", "tokenizer.json", EDIT_WRITE, NULL, "", "bad_tokenizer", "tokenizer.json"},
    {"tiny-c", "tokenizer.json", EDIT_WRITE, NULL, "[]", "bad_tokenizer", "tokenizer.json"},
    {"tiny-c", "tokenizer.json", EDIT_CUT, NULL, "50000", "bad_tokenizer", "tokenizer.json"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"merges\":[", "\"merges\":[[\"zzq\",\"a\"],",
     "bad_tokenizer", "merges"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"#\":2,", "\"#\":1,", "bad_tokenizer", "vocab"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"#\":2,", "\"!\":2,", "bad_tokenizer", "vocab"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"#\":2,", "", "bad_tokenizer", "vocab"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"#\":2,", "\"#\":99999999,", "bad_tokenizer",
     "vocab"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "\"id\":1561", "\"id\":1700", "bad_tokenizer",
     "1701"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "<|im_start|>", "<|start|>", "bad_tokenizer",
     "<|im_start|>"},
    {"tiny-c", "tokenizer.json", EDIT_REPLACE, "<|image_pad|>", "<|picture|>", "bad_tokenizer",
     "<|image_pad|>"},
    {"tiny-c", "config.json", EDIT_REPLACE, "\"image_token_id\": 1548", "\"image_token_id\": 5",
     "bad_tokenizer", "<|image_pad|>"},
    {"tiny-a", "chat_template.json", EDIT_WRITE, NULL, "{", "bad_tokenizer", "chat_template.json"},
};

static void check_sentence(size_t i, const struct fault *fault, const char *dir,
                           const struct reason *why)
{
    static const char *const ends[] = {".", "。"};
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        const char *message = why->message[lang];
        if (!strstr(message, dir))
            fail_msg("fault %zu: \"%s\" does not name %s", i, message, dir);
        if (fault->names && !strstr(message, fault->names))
            fail_msg("fault %zu: \"%s\" does not name %s", i, message, fault->names);
        if (!str_ends(str_from(message), ends[lang]) || strchr(message, '\n') ||
            strstr(message, ".。") || strstr(message, ".."))
            fail_msg("fault %zu: \"%s\" is not one sentence", i, message);
    }
    if (!strstr(why->subject, dir))
        fail_msg("fault %zu: the subject is \"%s\"", i, why->subject);
}

static void each_fault_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const struct fault *fault = &faults[i];
        char dir[64];
        fault_make(fault, dir);
        struct model *model = NULL;
        struct reason why = {.code = ""};
        const enum status status = model_load(dir, NULL, &model, &why);
        if (getenv("QVL_SHOW"))
            printf("%-22s %s\n    %s\n", why.code, why.message[LANG_EN], why.message[LANG_ZH]);
        if (!fault->code && status)
            fail_msg("fault %zu: %s", i, why.message[LANG_EN]);
        if (fault->code && (!status || strcmp(why.code, fault->code) != 0))
            fail_msg("fault %zu (%s, %s): \"%s\" %s, not %s", i, fault->file ? fault->file : "",
                     fault->to ? fault->to : "", why.code, why.message[LANG_EN], fault->code);
        if (fault->code)
            check_sentence(i, fault, dir, &why);
        else
            model_destroy(model);
        fault_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_fault_has_its_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
