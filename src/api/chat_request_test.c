#include "base/buf.h"
#include "base/test.h"
#include "request_check_test.h"

#include <math.h>

/* JSON in this file has ' for ". A row whose code is NULL is accepted. */
struct row {
    const char *json, *code, *path;
};

#define MODEL   "'model':'m',"
#define USER    "'messages':[{'role':'user','content':'hi'}]"
#define TYPE    "invalid_type"
#define VALUE   "invalid_value"
#define MISSING "missing_field"

/* Whole bodies. */
static const struct row bodies[] = {
    {"{" MODEL USER "}", NULL, ""},
    {"{" MODEL USER ",'unknown':{'a':[1,null]},'user':'u','metadata':{}}", NULL, ""},
    {"[]", TYPE, ""},
    {"'text'", TYPE, ""},
    {"null", TYPE, ""},
    {"3", TYPE, ""},
    {"{}", MISSING, "messages"},
    {"{" USER "}", MISSING, "model"},
    {"{'model':null," USER "}", MISSING, "model"},
    {"{'model':7," USER "}", TYPE, "model"},
    {"{'model':''," USER "}", VALUE, "model"},
    {"{'model':7,'model':'m'," USER "}", NULL, ""},
    {"{'model':'m'}", MISSING, "messages"},
    {"{" MODEL "'messages':null}", MISSING, "messages"},
    {"{" MODEL "'messages':[]}", VALUE, "messages"},
    {"{" MODEL "'messages':'hi'}", TYPE, "messages"},
    {"{" MODEL "'messages':{'role':'user','content':'hi'}}", TYPE, "messages"},
    {"{" MODEL "'messages':true}", TYPE, "messages"},
    {"{" MODEL "'messages':['hi']}", TYPE, "messages[0]"},
    {"{" MODEL "'messages':[null]}", TYPE, "messages[0]"},
    {"{" MODEL "'messages':[{'role':'user','content':'a'},[]]}", TYPE, "messages[1]"},
    {"{" MODEL "'messages':[{'role':'system','content':'s'},{'role':'user','content':'a'},"
     "{'role':'user','content':[{'type':'image_url','image_url':{'url':3}}]}]}",
     TYPE, "messages[2].content[0].image_url.url"},
    {"{" MODEL "'messages':[{'role':'system','content':'s'},{'role':'user','content':'a'},"
     "{'role':'assistant','content':null,'tool_calls':[{'id':'c','type':'function','function':"
     "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c','content':'r'},"
     "{'role':'assistant','content':'b'},{'role':'user','content':[{'type':'text','text':'d'}]}]}",
     NULL, ""},
};

/* One message. */
static const struct row messages[] = {
    {"{}", MISSING, "messages[0].role"},
    {"{'content':'hi'}", MISSING, "messages[0].role"},
    {"{'role':null,'content':'hi'}", MISSING, "messages[0].role"},
    {"{'role':1,'content':'hi'}", TYPE, "messages[0].role"},
    {"{'role':['user'],'content':'hi'}", TYPE, "messages[0].role"},
    {"{'role':'','content':'hi'}", "unknown_role", "messages[0].role"},
    {"{'role':'User','content':'hi'}", "unknown_role", "messages[0].role"},
    {"{'role':'function','name':'f','content':'hi'}", "unknown_role", "messages[0].role"},
    {"{'role':'human','content':'hi'}", "unknown_role", "messages[0].role"},
    {"{'role':'user\\u0000','content':'hi'}", "unknown_role", "messages[0].role"},
    {"{'role':'user','content':''}", NULL, ""},
    {"{'role':'user','content':'hi','name':'n','tool_calls':5}", NULL, ""},
    {"{'role':'system','content':'hi'}", NULL, ""},
    {"{'role':'developer','content':'hi'}", NULL, ""},
    {"{'role':'assistant','content':'hi'}", NULL, ""},
    {"{'role':'assistant','content':''}", NULL, ""},
    {"{'role':'tool','content':'hi','tool_call_id':'c'}", NULL, ""},
    {"{'role':'tool','content':[{'type':'text','text':'t'}],'tool_call_id':'c'}", NULL, ""},
    {"{'role':'tool','content':'hi'}", MISSING, "messages[0].tool_call_id"},
    {"{'role':'tool','content':'hi','tool_call_id':null}", MISSING, "messages[0].tool_call_id"},
    {"{'role':'tool','content':'hi','tool_call_id':3}", TYPE, "messages[0].tool_call_id"},
    {"{'role':'tool','content':'hi','tool_call_id':''}", VALUE, "messages[0].tool_call_id"},
    {"{'role':'tool','tool_call_id':'c'}", MISSING, "messages[0].content"},
    {"{'role':'user'}", MISSING, "messages[0].content"},
    {"{'role':'user','content':null}", MISSING, "messages[0].content"},
    {"{'role':'system','content':null}", MISSING, "messages[0].content"},
    {"{'role':'user','content':1}", TYPE, "messages[0].content"},
    {"{'role':'user','content':true}", TYPE, "messages[0].content"},
    {"{'role':'user','content':{'type':'text','text':'t'}}", TYPE, "messages[0].content"},
    {"{'role':'user','content':[]}", VALUE, "messages[0].content"},
    {"{'role':'user','content':['hi']}", TYPE, "messages[0].content[0]"},
    {"{'role':'user','content':[null]}", TYPE, "messages[0].content[0]"},
    {"{'role':'user','content':[{'type':'text','text':'t'},7]}", TYPE, "messages[0].content[1]"},
    {"{'role':'assistant'}", MISSING, "messages[0].content"},
    {"{'role':'assistant','content':null}", MISSING, "messages[0].content"},
    {"{'role':'assistant','content':null,'tool_calls':[]}", MISSING, "messages[0].content"},
    {"{'role':'assistant','content':'a','tool_calls':null}", NULL, ""},
    {"{'role':'assistant','content':'a','tool_calls':{}}", TYPE, "messages[0].tool_calls"},
    {"{'role':'assistant','content':'a','tool_calls':[1]}", TYPE, "messages[0].tool_calls[0]"},
    {"{'role':'assistant','content':'a','function_call':{'name':'f'}}", VALUE,
     "messages[0].function_call"},
    {"{'role':'assistant','content':'a','function_call':null,'refusal':null,'audio':null}", NULL,
     ""},
    {"{'role':'assistant','content':'a','reasoning_content':'r'}", NULL, ""},
    {"{'role':'assistant','content':'a','reasoning':'r'}", NULL, ""},
    {"{'role':'assistant','content':'a','thinking':'r'}", NULL, ""},
    {"{'role':'assistant','content':null,'reasoning_content':'r'}", NULL, ""},
    {"{'role':'user','content':null,'reasoning_content':'r'}", MISSING, "messages[0].content"},
    {"{'role':'assistant','content':'a','reasoning_content':5}", TYPE,
     "messages[0].reasoning_content"},
    {"{'role':'assistant','content':'a','reasoning':{}}", TYPE, "messages[0].reasoning"},
    {"{'role':'assistant','content':'a','thinking':[]}", TYPE, "messages[0].thinking"},
    {"{'role':'assistant','content':[{'type':'refusal','refusal':'no'}]}", NULL, ""},
    {"{'role':'assistant','content':[{'type':'refusal'}]}", MISSING,
     "messages[0].content[0].refusal"},
    {"{'role':'assistant','content':[{'type':'image_url','image_url':'u'}]}", VALUE,
     "messages[0].content[0].type"},
    {"{'role':'system','content':[{'type':'image','image':'u'}]}", VALUE,
     "messages[0].content[0].type"},
    {"{'role':'system','content':[{'type':'text','text':'t'},{'type':'video','video':['u']}]}",
     VALUE, "messages[0].content[1].type"},
    {"{'role':'tool','tool_call_id':'c','content':[{'type':'image_url','image_url':'u'}]}", NULL,
     ""},
};

/* One part of a user's message; paths start behind "messages[0].content[0]". */
static const struct row parts[] = {
    {"{'type':'text','text':'t'}", NULL, ""},
    {"{'type':'text','text':''}", NULL, ""},
    {"{'type':'text','text':'t','cache_control':{},'image_url':9,'max_pixels':1}", NULL, ""},
    {"{'type':'text'}", MISSING, ".text"},
    {"{'type':'text','text':null}", MISSING, ".text"},
    {"{'type':'text','text':['t']}", TYPE, ".text"},
    {"{'text':'t'}", MISSING, ".type"},
    {"{'type':null,'text':'t'}", MISSING, ".type"},
    {"{'type':3,'text':'t'}", TYPE, ".type"},
    {"{'type':'','text':'t'}", "unknown_content_part", ".type"},
    {"{'type':'Text','text':'t'}", "unknown_content_part", ".type"},
    {"{'type':'input_text','text':'t'}", "unknown_content_part", ".type"},
    {"{'type':'input_image','image_url':'u'}", "unknown_content_part", ".type"},
    {"{'type':'input_audio','input_audio':{}}", "unknown_content_part", ".type"},
    {"{'type':'file','file':{}}", "unknown_content_part", ".type"},
    {"{'type':'refusal','refusal':'no'}", VALUE, ".type"},
    {"{'type':'image_url','image_url':{'url':'https://a/b.png'}}", NULL, ""},
    {"{'type':'image_url','image_url':'https://a/b.png'}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'data:,x','detail':'auto'}}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'u','detail':'low'}}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'u','detail':'high'}}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'u','detail':null}}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'u','detail':'full'}}", VALUE, ".image_url.detail"},
    {"{'type':'image_url','image_url':{'url':'u','detail':1}}", TYPE, ".image_url.detail"},
    {"{'type':'image_url'}", MISSING, ".image_url"},
    {"{'type':'image_url','image_url':null}", MISSING, ".image_url"},
    {"{'type':'image_url','url':'u'}", MISSING, ".image_url"},
    {"{'type':'image_url','image_url':{}}", MISSING, ".image_url.url"},
    {"{'type':'image_url','image_url':{'url':null}}", MISSING, ".image_url.url"},
    {"{'type':'image_url','image_url':{'url':''}}", VALUE, ".image_url.url"},
    {"{'type':'image_url','image_url':{'url':['u']}}", TYPE, ".image_url.url"},
    {"{'type':'image_url','image_url':''}", VALUE, ".image_url"},
    {"{'type':'image_url','image_url':['u']}", TYPE, ".image_url"},
    {"{'type':'image_url','image_url':5}", TYPE, ".image_url"},
    {"{'type':'image_url','image_url':{'url':'u','max_pixels':4}}", NULL, ""},
    {"{'type':'image_url','image_url':{'url':'u','max_pixels':0}}", VALUE, ".image_url.max_pixels"},
    {"{'type':'image_url','image_url':{'url':'u','min_pixels':5,'max_pixels':4}}", VALUE,
     ".image_url.min_pixels"},
    {"{'type':'image_url','image_url':'u','min_pixels':4}", NULL, ""},
    {"{'type':'image_url','image_url':'u','min_pixels':4,'max_pixels':3}", VALUE, ".min_pixels"},
    {"{'type':'image','image':'u'}", NULL, ""},
    {"{'type':'image','image':'u','resized_height':28}", VALUE, ".resized_height"},
    {"{'type':'image'}", MISSING, ".image"},
    {"{'type':'image','image':{'url':'u'}}", TYPE, ".image"},
    {"{'type':'image','image':''}", VALUE, ".image"},
    {"{'type':'video','video':['a']}", NULL, ""},
    {"{'type':'video','video':['a','b','c'],'fps':2}", NULL, ""},
    {"{'type':'video','video':['a'],'sample_fps':0.5}", NULL, ""},
    {"{'type':'video','video':['a'],'fps':0}", VALUE, ".fps"},
    {"{'type':'video','video':['a'],'fps':-1}", VALUE, ".fps"},
    {"{'type':'video','video':['a'],'fps':1e9}", VALUE, ".fps"},
    {"{'type':'video','video':['a'],'fps':'2'}", TYPE, ".fps"},
    {"{'type':'video','video':['a'],'sample_fps':'2'}", TYPE, ".sample_fps"},
    {"{'type':'video','video':['a'],'total_pixels':4}", VALUE, ".total_pixels"},
    {"{'type':'video'}", MISSING, ".video"},
    {"{'type':'video','video':[]}", VALUE, ".video"},
    {"{'type':'video','video':'https://a/b.mp4'}", NULL, ""},
    {"{'type':'video','video':''}", VALUE, ".video"},
    {"{'type':'video','video':{'url':'a'}}", TYPE, ".video"},
    {"{'type':'video','video':['a',3]}", TYPE, ".video[1]"},
    {"{'type':'video','video':['a',null]}", TYPE, ".video[1]"},
    {"{'type':'video','video':['']}", VALUE, ".video[0]"},
    {"{'type':'video_url','video_url':{'url':'https://a/b.mp4'}}", NULL, ""},
    {"{'type':'video_url','video_url':'data:,','fps':0.5,'max_frames':2}", NULL, ""},
    {"{'type':'video_url'}", MISSING, ".video_url"},
    {"{'type':'video_url','video_url':{}}", MISSING, ".video_url.url"},
    {"{'type':'video_url','video_url':{'url':''}}", VALUE, ".video_url.url"},
    {"{'type':'video_url','video_url':{'url':['a']}}", TYPE, ".video_url.url"},
    {"{'type':'video_url','video_url':['a']}", TYPE, ".video_url"},
    {"{'type':'video_url','video_url':'a','fps':0}", VALUE, ".fps"},
    {"{'type':'video_url','video_url':'a','max_frames':1}", VALUE, ".max_frames"},
    {"{'type':'video_url','video_url':'a','max_frames':2.5}", TYPE, ".max_frames"},
    {"{'type':'video_url','video_url':'a','total_pixels':4}", VALUE, ".total_pixels"},
};

/* One call of an assistant's message; paths start behind "messages[0].tool_calls[0]". */
static const struct row calls[] = {
    {"{'id':'c','type':'function','function':{'name':'f','arguments':'{}'}}", NULL, ""},
    {"{'id':'c','type':'function','function':{'name':'f','arguments':{'a':[1]}}}", NULL, ""},
    {"{'id':'c','type':'function','function':{'name':'f','arguments':''}}", NULL, ""},
    {"{'id':'c','type':'function','function':{'name':'f'}}", NULL, ""},
    {"{'id':'c','type':'function','function':{'name':'f','arguments':[]}}", TYPE,
     ".function.arguments"},
    {"{'id':'c','type':'function','function':{'name':'f','arguments':1}}", TYPE,
     ".function.arguments"},
    {"{'type':'function','function':{'name':'f','arguments':'{}'}}", MISSING, ".id"},
    {"{'id':4,'type':'function','function':{'name':'f','arguments':'{}'}}", TYPE, ".id"},
    {"{'id':'c','function':{'name':'f','arguments':'{}'}}", MISSING, ".type"},
    {"{'id':'c','type':'custom','function':{'name':'f','arguments':'{}'}}", VALUE, ".type"},
    {"{'id':'c','type':'function'}", MISSING, ".function"},
    {"{'id':'c','type':'function','function':'f'}", TYPE, ".function"},
    {"{'id':'c','type':'function','function':{}}", MISSING, ".function.name"},
    {"{'id':'c','type':'function','function':{'name':''}}", VALUE, ".function.name"},
    {"{'id':'c','type':'function','function':{'name':{}}}", TYPE, ".function.name"},
};

#define TOOL "{'type':'function','function':{'name':'f'}}"

/* Members of a body that is right without them. */
static const struct row fields[] = {
    {"'stream':true", NULL, ""},
    {"'stream':false", NULL, ""},
    {"'stream':null", NULL, ""},
    {"'stream':1", TYPE, "stream"},
    {"'stream':'true'", TYPE, "stream"},
    {"'stream':true,'stream_options':{'include_usage':true}", NULL, ""},
    {"'stream':true,'stream_options':{}", NULL, ""},
    {"'stream':true,'stream_options':null", NULL, ""},
    {"'stream':true,'stream_options':[]", TYPE, "stream_options"},
    {"'stream':true,'stream_options':{'include_usage':1}", TYPE, "stream_options.include_usage"},
    {"'stream_options':{'include_usage':true}", VALUE, "stream_options"},
    {"'stream':false,'stream_options':{}", VALUE, "stream_options"},
    {"'max_tokens':1", NULL, ""},
    {"'max_tokens':1.0", NULL, ""},
    {"'max_tokens':1e3", NULL, ""},
    {"'max_tokens':null", NULL, ""},
    {"'max_tokens':0", VALUE, "max_tokens"},
    {"'max_tokens':-1", VALUE, "max_tokens"},
    {"'max_tokens':1.5", TYPE, "max_tokens"},
    {"'max_tokens':'10'", TYPE, "max_tokens"},
    {"'max_tokens':99999999999999999999", VALUE, "max_tokens"},
    {"'max_tokens':1e400", VALUE, "max_tokens"},
    {"'max_completion_tokens':5", NULL, ""},
    {"'max_completion_tokens':0", VALUE, "max_completion_tokens"},
    {"'max_completion_tokens':true", TYPE, "max_completion_tokens"},
    {"'max_tokens':0,'max_completion_tokens':5", VALUE, "max_tokens"},
    {"'min_tokens':0", NULL, ""},
    {"'min_tokens':5,'max_tokens':5", NULL, ""},
    {"'min_tokens':6,'max_tokens':5", VALUE, "min_tokens"},
    {"'min_tokens':-1", VALUE, "min_tokens"},
    {"'min_tokens':[]", TYPE, "min_tokens"},
    {"'n':1", NULL, ""},
    {"'n':16", NULL, ""},
    {"'n':0", VALUE, "n"},
    {"'n':17", VALUE, "n"},
    {"'n':'1'", TYPE, "n"},
    {"'temperature':0", NULL, ""},
    {"'temperature':2", NULL, ""},
    {"'temperature':-0.0", NULL, ""},
    {"'temperature':null", NULL, ""},
    {"'temperature':2.0001", VALUE, "temperature"},
    {"'temperature':-0.1", VALUE, "temperature"},
    {"'temperature':1e999", VALUE, "temperature"},
    {"'temperature':'0.7'", TYPE, "temperature"},
    {"'top_p':1", NULL, ""},
    {"'top_p':0.1", NULL, ""},
    {"'top_p':0", VALUE, "top_p"},
    {"'top_p':1.01", VALUE, "top_p"},
    {"'top_p':{}", TYPE, "top_p"},
    {"'min_p':0", NULL, ""},
    {"'min_p':1", NULL, ""},
    {"'min_p':-1", VALUE, "min_p"},
    {"'min_p':1.5", VALUE, "min_p"},
    {"'min_p':false", TYPE, "min_p"},
    {"'presence_penalty':-2,'frequency_penalty':2", NULL, ""},
    {"'presence_penalty':-2.1", VALUE, "presence_penalty"},
    {"'presence_penalty':'1'", TYPE, "presence_penalty"},
    {"'frequency_penalty':3", VALUE, "frequency_penalty"},
    {"'frequency_penalty':[1]", TYPE, "frequency_penalty"},
    {"'repetition_penalty':1.05", NULL, ""},
    {"'repetition_penalty':10", NULL, ""},
    {"'repetition_penalty':0", VALUE, "repetition_penalty"},
    {"'repetition_penalty':11", VALUE, "repetition_penalty"},
    {"'repetition_penalty':true", TYPE, "repetition_penalty"},
    {"'top_k':20", NULL, ""},
    {"'top_k':0", NULL, ""},
    {"'top_k':-1", NULL, ""},
    {"'top_k':-2", VALUE, "top_k"},
    {"'top_k':0.5", TYPE, "top_k"},
    {"'top_k':'20'", TYPE, "top_k"},
    {"'seed':-9223372036854775808", NULL, ""},
    {"'seed':9223372036854775807", NULL, ""},
    {"'seed':9223372036854775808", VALUE, "seed"},
    {"'seed':0.5", TYPE, "seed"},
    {"'seed':'a'", TYPE, "seed"},
    {"'stop':'x'", NULL, ""},
    {"'stop':['x','y']", NULL, ""},
    {"'stop':[]", NULL, ""},
    {"'stop':null", NULL, ""},
    {"'stop':['0','1','2','3','4','5','6','7','8','9','a','b','c','d','e','f']", NULL, ""},
    {"'stop':['0','1','2','3','4','5','6','7','8','9','a','b','c','d','e','f','g']", VALUE, "stop"},
    {"'stop':''", VALUE, "stop"},
    {"'stop':['x','']", VALUE, "stop[1]"},
    {"'stop':['x',1]", TYPE, "stop[1]"},
    {"'stop':[null]", TYPE, "stop[0]"},
    {"'stop':1", TYPE, "stop"},
    {"'stop':{}", TYPE, "stop"},
    {"'ignore_eos':true,'return_token_ids':true,'add_generation_prompt':false", NULL, ""},
    {"'ignore_eos':0", TYPE, "ignore_eos"},
    {"'return_token_ids':'yes'", TYPE, "return_token_ids"},
    {"'add_generation_prompt':1", TYPE, "add_generation_prompt"},
    {"'chat_template_kwargs':{'add_vision_id':true,'enable_thinking':false}", NULL, ""},
    {"'chat_template_kwargs':{'add_vision_id':'yes'}", TYPE, "chat_template_kwargs.add_vision_id"},
    {"'chat_template_kwargs':[]", TYPE, "chat_template_kwargs"},
    {"'tools':[" TOOL "]", NULL, ""},
    {"'tools':[]", NULL, ""},
    {"'tools':null,'tool_choice':'auto'", NULL, ""},
    {"'tools':{}", TYPE, "tools"},
    {"'tools':[1]", TYPE, "tools[0]"},
    {"'tools':[null]", TYPE, "tools[0]"},
    {"'tools':[" TOOL ",{'function':{'name':'f'}}]", MISSING, "tools[1].type"},
    {"'tools':[{'type':'web_search'}]", VALUE, "tools[0].type"},
    {"'tools':[{'type':1}]", TYPE, "tools[0].type"},
    {"'tools':[{'type':'function'}]", MISSING, "tools[0].function"},
    {"'tools':[{'type':'function','name':'f'}]", MISSING, "tools[0].function"},
    {"'tools':[{'type':'function','function':[]}]", TYPE, "tools[0].function"},
    {"'tools':[{'type':'function','function':{}}]", MISSING, "tools[0].function.name"},
    {"'tools':[{'type':'function','function':{'name':''}}]", VALUE, "tools[0].function.name"},
    {"'tools':[{'type':'function','function':{'name':'f','description':1}}]", TYPE,
     "tools[0].function.description"},
    {"'tools':[{'type':'function','function':{'name':'f','parameters':'{}'}}]", TYPE,
     "tools[0].function.parameters"},
    {"'tools':[{'type':'function','function':{'name':'f','strict':'no'}}]", TYPE,
     "tools[0].function.strict"},
    {"'tools':[" TOOL "],'tool_choice':'none'", NULL, ""},
    {"'tools':[" TOOL "],'tool_choice':'auto'", NULL, ""},
    {"'tools':[" TOOL "],'tool_choice':'required'", NULL, ""},
    {"'tools':[" TOOL "],'tool_choice':'required','parallel_tool_calls':false", NULL, ""},
    {"'tools':[" TOOL "],'tool_choice':{'type':'function','function':{'name':'f'}}", NULL, ""},
    {"'tools':[" TOOL "],'tool_choice':{'type':'function','function':{'name':'g'}}", VALUE,
     "tool_choice.function.name"},
    {"'tools':[" TOOL "],'tool_choice':{'type':'function'}", MISSING, "tool_choice.function"},
    {"'tools':[" TOOL "],'tool_choice':{'type':'function','function':{}}", MISSING,
     "tool_choice.function.name"},
    {"'tools':[" TOOL "],'tool_choice':{'type':'x','function':{'name':'f'}}", VALUE,
     "tool_choice.type"},
    {"'tools':[" TOOL "],'tool_choice':'any'", VALUE, "tool_choice"},
    {"'tool_choice':'required'", VALUE, "tool_choice"},
    {"'tools':[],'tool_choice':'required'", VALUE, "tool_choice"},
    {"'tool_choice':{'type':'function','function':{'name':'f'}}", VALUE,
     "tool_choice.function.name"},
    {"'tool_choice':'any'", VALUE, "tool_choice"},
    {"'tool_choice':1", TYPE, "tool_choice"},
    {"'tools':[" TOOL "],'parallel_tool_calls':true", NULL, ""},
    {"'tools':[" TOOL "],'parallel_tool_calls':false", NULL, ""},
    {"'parallel_tool_calls':false", NULL, ""},
    {"'parallel_tool_calls':'no'", TYPE, "parallel_tool_calls"},
    {"'response_format':{'type':'text'}", NULL, ""},
    {"'response_format':{'type':'json_object'}", NULL, ""},
    {"'response_format':{'type':'xml'}", VALUE, "response_format.type"},
    {"'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{}}}", NULL, ""},
    {"'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{}}"
     "}",
     NULL, ""},
    {"'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':1,'schema':{}}}",
     TYPE, "response_format.json_schema.strict"},
    {"'response_format':{'type':'json_schema','json_schema':{'schema':{}}}", MISSING,
     "response_format.json_schema.name"},
    {"'response_format':{'type':'json_schema','json_schema':{'name':'n'}}", MISSING,
     "response_format.json_schema.schema"},
    {"'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':[]}}", TYPE,
     "response_format.json_schema.schema"},
    {"'response_format':{'type':'json_schema'}", MISSING, "response_format.json_schema"},
    {"'response_format':{'type':'json_schema','schema':{}}", MISSING,
     "response_format.json_schema"},
    {"'response_format':{}", MISSING, "response_format.type"},
    {"'response_format':'text'", TYPE, "response_format"},
    {"'modalities':['text']", NULL, ""},
    {"'modalities':['text','audio']", VALUE, "modalities[1]"},
    {"'modalities':'text'", TYPE, "modalities"},
    {"'modalities':[null]", TYPE, "modalities[0]"},
    {"'logprobs':false,'top_logprobs':0,'logit_bias':{}", NULL, ""},
    {"'logprobs':null,'top_logprobs':null,'logit_bias':null", NULL, ""},
    {"'logprobs':true", NULL, ""},
    {"'logprobs':true,'top_logprobs':20", NULL, ""},
    {"'logprobs':true,'top_logprobs':21", VALUE, "top_logprobs"},
    {"'logprobs':true,'top_logprobs':-1", VALUE, "top_logprobs"},
    {"'logprobs':false,'top_logprobs':5", VALUE, "top_logprobs"},
    {"'logprobs':1", TYPE, "logprobs"},
    {"'top_logprobs':5", VALUE, "top_logprobs"},
    {"'top_logprobs':'5'", TYPE, "top_logprobs"},
    {"'logit_bias':{'50256':-100,'1':100,'0':0.5}", NULL, ""},
    {"'logit_bias':{'50256':-100.1}", VALUE, "logit_bias.50256"},
    {"'logit_bias':{'50256':101}", VALUE, "logit_bias.50256"},
    {"'logit_bias':{'7':'1'}", TYPE, "logit_bias.7"},
    {"'logit_bias':{'7':null}", TYPE, "logit_bias.7"},
    {"'logit_bias':{'hello':1}", VALUE, "logit_bias.hello"},
    {"'logit_bias':{'-1':1}", VALUE, "logit_bias.-1"},
    {"'logit_bias':{'':1}", VALUE, "logit_bias."},
    {"'logit_bias':{'1000000000':1}", VALUE, "logit_bias.1000000000"},
    {"'logit_bias':[]", TYPE, "logit_bias"},
    {"'functions':[]", NULL, ""},
    {"'functions':[{'name':'f'}]", VALUE, "functions"},
    {"'function_call':'auto'", VALUE, "function_call"},
    {"'audio':{'voice':'v'}", VALUE, "audio"},
    {"'web_search_options':{}", VALUE, "web_search_options"},
    {"'best_of':1", NULL, ""},
    {"'best_of':2,'n':2", NULL, ""},
    {"'best_of':2", VALUE, "best_of"},
    {"'use_beam_search':true", VALUE, "use_beam_search"},
    {"'prompt_logprobs':1", VALUE, "prompt_logprobs"},
    {"'echo':false", NULL, ""},
    {"'echo':true", VALUE, "echo"},
    {"'continue_final_message':true", VALUE, "continue_final_message"},
    {"'chat_template':'x'", VALUE, "chat_template"},
    {"'stop_token_ids':[]", NULL, ""},
    {"'stop_token_ids':[1,0]", NULL, ""},
    {"'stop_token_ids':1", TYPE, "stop_token_ids"},
    {"'stop_token_ids':['1']", TYPE, "stop_token_ids[0]"},
    {"'stop_token_ids':[1,1.5]", TYPE, "stop_token_ids[1]"},
    {"'stop_token_ids':[-1]", VALUE, "stop_token_ids[0]"},
    {"'allowed_token_ids':[1]", NULL, ""},
    {"'allowed_token_ids':[2147483648]", VALUE, "allowed_token_ids[0]"},
    {"'allowed_token_ids':[1],'response_format':{'type':'json_object'}", VALUE,
     "allowed_token_ids"},
    {"'allowed_token_ids':[1],'tools':[" TOOL "],'tool_choice':'required'", VALUE,
     "allowed_token_ids"},
    {"'allowed_token_ids':[1],'tools':[" TOOL "]", NULL, ""},
    {"'enable_thinking':false", NULL, ""},
    {"'enable_thinking':0", TYPE, "enable_thinking"},
    {"'thinking_budget':0", NULL, ""},
    {"'thinking_budget':-1", VALUE, "thinking_budget"},
    {"'thinking_token_budget':'many'", TYPE, "thinking_token_budget"},
    {"'chat_template_kwargs':{'enable_thinking':'no'}", TYPE,
     "chat_template_kwargs.enable_thinking"},
    {"'chat_template_kwargs':{'thinking_budget':1.5}", TYPE,
     "chat_template_kwargs.thinking_budget"},
    {"'bad_words':['x','y']", NULL, ""},
    {"'bad_words':['x','']", VALUE, "bad_words[1]"},
    {"'bad_words':'x'", TYPE, "bad_words"},
    {"'bad_words':['x'],'response_format':{'type':'json_object'}", VALUE, "bad_words"},
    {"'include_stop_str_in_output':true", NULL, ""},
    {"'skip_special_tokens':true", NULL, ""},
    {"'skip_special_tokens':false", NULL, ""},
    {"'truncate_prompt_tokens':10", VALUE, "truncate_prompt_tokens"},
    {"'logits_processors':['x']", VALUE, "logits_processors"},
    {"'structured_outputs':{}", VALUE, "structured_outputs"},
    {"'guided_json':{}", VALUE, "guided_json"},
    {"'guided_regex':'a'", VALUE, "guided_regex"},
    {"'guided_choice':['a']", VALUE, "guided_choice"},
    {"'guided_grammar':'a'", VALUE, "guided_grammar"},
    {"'mm_processor_kwargs':{}", NULL, ""},
    {"'mm_processor_kwargs':{'fps':1,'min_pixels':1,'max_pixels':2,'size':{'longest_edge':3}}",
     NULL, ""},
    {"'mm_processor_kwargs':{'crop':1}", VALUE, "mm_processor_kwargs.crop"},
    {"'mm_processor_kwargs':{'size':{'height':1}}", VALUE, "mm_processor_kwargs.size.height"},
    {"'mm_processor_kwargs':{'min_pixels':5,'max_pixels':4}", VALUE,
     "mm_processor_kwargs.min_pixels"},
    {"'min_pixels':4,'max_pixels':4", NULL, ""},
    {"'min_pixels':5,'max_pixels':4", VALUE, "min_pixels"},
    {"'max_pixels':0", VALUE, "max_pixels"},
};

struct parsed {
    struct arena arena;
    char *bytes;
    struct json *root;
    struct chat_request request;
    struct reason why;
    enum status status;
};

/* printf of JSON with ' for ", parsed. */
__attribute__((format(printf, 2, 3))) static void parse(struct parsed *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = vasprintf(&p->bytes, format, args);
    va_end(args);
    assert_true(len >= 0);
    for (int i = 0; i < len; i++)
        if (p->bytes[i] == '\'')
            p->bytes[i] = '"';
    arena_init(&p->arena, 64 << 20);
    if (json_parse(p->bytes, (size_t)len, (struct json_limits){0}, &p->arena, &p->root, &p->why))
        fail_msg("%s: %s", format, p->why.message[LANG_EN]);
    p->status = chat_check(p->root, &p->arena, &p->request, &p->why);
}

static void parsed_free(struct parsed *p)
{
    arena_release(&p->arena);
    free(p->bytes);
}

/* Every row, between `before` and `after`; its path stands behind `prefix`. */
static void check_rows(const struct row *rows, size_t count, const char *before, const char *after,
                       const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        struct parsed p;
        parse(&p, "%s%s%s", before, rows[i].json, after);
        const char *code = p.status ? p.why.code : "accepted";
        char path[256];
        snprintf(path, sizeof path, "%s%s", prefix, rows[i].path);
        if (strcmp(code, rows[i].code ? rows[i].code : "accepted") != 0)
            fail_msg("%s: %s (%s)", rows[i].json, code, p.status ? p.why.message[LANG_EN] : "");
        if (rows[i].code && strcmp(p.why.subject, path) != 0)
            fail_msg("%s: %s instead of %s", rows[i].json, p.why.subject, path);
        for (int lang = 0; rows[i].code && path[0] && lang < LANG_COUNT; lang++)
            if (!strstr(p.why.message[lang], path))
                fail_msg("%s: no path in: %s", rows[i].json, p.why.message[lang]);
        parsed_free(&p);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    check_rows(bodies, ARRAY_LEN(bodies), "", "", "");
}

static void test_messages(void **state)
{
    (void)state;
    check_rows(messages, ARRAY_LEN(messages), "{" MODEL "'messages':[", "]}", "");
}

static void test_parts(void **state)
{
    (void)state;
    check_rows(parts, ARRAY_LEN(parts), "{" MODEL "'messages':[{'role':'user','content':[", "]}]}",
               "messages[0].content[0]");
}

static void test_calls(void **state)
{
    (void)state;
    check_rows(calls, ARRAY_LEN(calls), "{" MODEL "'messages':[{'role':'assistant','tool_calls':[",
               "]}]}", "messages[0].tool_calls[0]");
}

static void test_fields(void **state)
{
    (void)state;
    check_rows(fields, ARRAY_LEN(fields), "{" MODEL USER ",", "}", "");
}

static void test_values_of_all_fields(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL USER ",'stream':true,'stream_options':{'include_usage':true},"
              "'max_tokens':5,'max_completion_tokens':7,'min_tokens':2,'n':3,'temperature':0.5,"
              "'top_p':0.25,'min_p':0.125,'presence_penalty':-1,'frequency_penalty':1.5,"
              "'repetition_penalty':1.25,'top_k':-1,'seed':-4,'stop':['a','b'],'ignore_eos':true,"
              "'return_token_ids':true,'add_generation_prompt':false,"
              "'chat_template_kwargs':{'add_vision_id':true},'tools':[" TOOL "]}");
    const struct chat_request *r = &p.request;
    assert_int_equal(p.status, STATUS_OK);
    assert_true(str_is(r->params.model, "m"));
    assert_true(r->params.stream && r->params.include_usage && r->params.ignore_eos &&
                r->params.return_token_ids);
    assert_true(!r->add_generation_prompt && r->add_vision_id);
    assert_int_equal(r->params.max_tokens, 7);
    assert_int_equal(r->params.min_tokens, 2);
    assert_int_equal(r->params.n, 3);
    assert_true(r->params.temperature == 0.5 && r->params.top_p == 0.25 &&
                r->params.min_p == 0.125);
    assert_true(r->params.presence_penalty == -1 && r->params.frequency_penalty == 1.5);
    assert_true(r->params.repetition_penalty == 1.25);
    assert_int_equal(r->params.top_k, 0);
    assert_true(r->params.has_seed && r->params.seed == -4);
    assert_int_equal(r->params.stop_count, 2);
    assert_true(str_is(r->params.stop[0], "a") && str_is(r->params.stop[1], "b"));
    assert_int_equal(r->tools->count, 1);
    parsed_free(&p);
}

static void test_values_of_tokens(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL USER ",'logit_bias':{'9707':-100,'0':2.5},'logprobs':true,"
              "'top_logprobs':3,'stop_token_ids':[4,5,6],'allowed_token_ids':[7],"
              "'thinking_budget':128,'chat_template_kwargs':{'enable_thinking':false}}");
    const struct chat_request *r = &p.request;
    assert_int_equal(p.status, STATUS_OK);
    assert_int_equal(r->params.bias_count, 2);
    assert_true(r->params.biases[0].id == 9707 && r->params.biases[0].bias == -100);
    assert_true(r->params.biases[1].id == 0 && r->params.biases[1].bias == 2.5f);
    assert_true(r->params.logprobs && r->params.top_logprobs == 3);
    assert_int_equal(r->params.stop_ids.count, 3);
    assert_int_equal(r->params.stop_ids.ids[2], 6);
    assert_int_equal(r->params.allowed.count, 1);
    assert_int_equal(r->params.allowed.ids[0], 7);
    assert_true(r->no_thinking && r->thinking_budget == 128);
    parsed_free(&p);
    parse(&p, "{" MODEL USER ",'enable_thinking':false,'chat_template_kwargs':{"
              "'enable_thinking':true,'thinking_token_budget':9}}");
    assert_true(!p.request.no_thinking && p.request.thinking_budget == 9);
    parsed_free(&p);
}

/* As many as are allowed, and one more. */
static void test_many_tokens(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct buf bias, ids;
        buf_init(&bias, 1 << 20);
        buf_init(&ids, 1 << 20);
        for (int i = 0; i < 1024 + more; i++) {
            buf_printf(&bias, "%s'%d':1", i ? "," : "", i);
            buf_printf(&ids, "%s%d", i ? "," : "", i);
        }
        struct parsed p;
        parse(&p, "{" MODEL USER ",'logit_bias':{%s}}", bias.data);
        assert_string_equal(p.status ? p.why.subject : "", more ? "logit_bias" : "");
        parsed_free(&p);
        parse(&p, "{" MODEL USER ",'stop_token_ids':[%s]}", ids.data);
        assert_string_equal(p.status ? p.why.subject : "", more ? "stop_token_ids" : "");
        assert_true(!more || strcmp(p.why.code, VALUE) == 0);
        parsed_free(&p);
        buf_release(&bias);
        buf_release(&ids);
    }
}

static void test_forms_of_answers(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL USER ",'tools':[" TOOL "],'tool_choice':{'type':'function','function':"
              "{'name':'f'}},'response_format':{'type':'json_schema','json_schema':{'name':'n',"
              "'schema':{'type':'object'}}}}");
    assert_int_equal(p.status, STATUS_OK);
    assert_true(p.request.forced_call && p.request.one_call);
    assert_true(str_is(p.request.forced_tool, "f"));
    assert_int_equal(p.request.params.format, FORMAT_JSON_SCHEMA);
    assert_true(str_is(json_get(p.request.params.schema, "type")->text, "object"));
    parsed_free(&p);
    parse(&p, "{" MODEL USER ",'tools':[" TOOL "],'tool_choice':'required','response_format':"
              "{'type':'json_object'}}");
    assert_int_equal(p.status, STATUS_OK);
    assert_true(p.request.forced_call && !p.request.one_call);
    assert_int_equal(p.request.forced_tool.len, 0);
    assert_int_equal(p.request.params.format, FORMAT_JSON_OBJECT);
    parsed_free(&p);
    parse(&p, "{" MODEL USER ",'tools':[" TOOL "]}");
    assert_true(!p.request.forced_call && !p.request.one_call);
    assert_int_equal(p.request.params.format, FORMAT_TEXT);
    parsed_free(&p);
}

static void test_absent_fields(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL USER ",'seed':null,'tools':[" TOOL "],'tool_choice':'none'}");
    const struct chat_request *r = &p.request;
    assert_int_equal(p.status, STATUS_OK);
    assert_true(!r->params.stream && !r->params.include_usage && !r->params.ignore_eos &&
                !r->params.return_token_ids);
    assert_true(r->add_generation_prompt && !r->add_vision_id && !r->params.has_seed);
    assert_int_equal(r->params.max_tokens, -1);
    assert_int_equal(r->params.min_tokens, 0);
    assert_int_equal(r->params.n, 1);
    assert_int_equal(r->params.top_k, -1);
    assert_true(isnan(r->params.temperature) && isnan(r->params.top_p) && isnan(r->params.min_p));
    assert_true(isnan(r->params.presence_penalty) && isnan(r->params.frequency_penalty));
    assert_true(isnan(r->params.repetition_penalty));
    assert_int_equal(r->params.stop_count, 0);
    assert_int_equal(r->params.bias_count + r->params.stop_ids.count + r->params.allowed.count, 0);
    assert_true(!r->params.logprobs && !r->no_thinking && r->thinking_budget == -1);
    assert_null(r->tools);
    assert_int_equal(r->image_count + r->video_count, 0);
    parsed_free(&p);
}

/* The k-th picture of the messages is images[k], and knows its place. */
static void test_media_in_order(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL "'messages':[{'role':'user','content':[{'type':'image','image':'a'},"
              "{'type':'text','text':'t'},{'type':'video','video':['v','w'],'fps':4,"
              "'sample_fps':1},{'type':'image_url','image_url':{'url':'b'}}]},"
              "{'role':'assistant','content':'x'},"
              "{'role':'user','content':[{'type':'video','video':['z']},"
              "{'type':'image_url','image_url':'c'},{'type':'video_url','video_url':{'url':'d'},"
              "'fps':3,'max_frames':9}]}]}");
    const struct chat_request *r = &p.request;
    assert_int_equal(p.status, STATUS_OK);
    assert_int_equal(r->image_count, 3);
    assert_true(str_is(r->images[0].url, "a") && str_is(r->images[1].url, "b"));
    assert_true(str_is(r->images[2].url, "c"));
    assert_string_equal(r->images[0].path, "messages[0].content[0].image");
    assert_string_equal(r->images[1].path, "messages[0].content[3].image_url.url");
    assert_string_equal(r->images[2].path, "messages[2].content[1].image_url");
    assert_int_equal(r->video_count, 3);
    assert_string_equal(r->videos[0].path, "messages[0].content[2].video");
    assert_int_equal(r->videos[0].frame_count, 2);
    assert_true(str_is(r->videos[0].frames[1].url, "w"));
    assert_string_equal(r->videos[0].frames[1].path, "messages[0].content[2].video[1]");
    assert_true(r->videos[0].fps == 4 && isnan(r->videos[1].fps));
    assert_string_equal(r->videos[2].path, "messages[2].content[2].video_url.url");
    assert_true(str_is(r->videos[2].url, "d") && r->videos[2].fps == 3);
    assert_int_equal(r->videos[2].max_frames, 9);
    assert_int_equal(r->videos[1].max_frames, -1);
    parsed_free(&p);
}

/* Nothing but what was checked reaches the template. */
static void test_rebuilt_messages(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{" MODEL "'messages':[{'role':'developer','content':'s','tool_calls':3},"
              "{'role':'assistant','content':'a','thinking':'r','name':7,'tool_calls':[{'id':'c',"
              "'type':'function','function':{'name':'f','arguments':''},'extra':[]}]},"
              "{'role':'tool','tool_call_id':'c','content':[{'type':'text','text':'t',"
              "'image':{}}]}]}");
    assert_int_equal(p.status, STATUS_OK);
    const struct json *system = p.request.messages->first;
    assert_true(str_is(json_get(system, "role")->text, "system"));
    assert_null(json_get(system, "tool_calls"));
    const struct json *assistant = system->next;
    assert_int_equal(assistant->count, 4);
    assert_true(str_is(json_get(assistant, "reasoning_content")->text, "r"));
    const struct json *call = json_get(assistant, "tool_calls")->first;
    assert_int_equal(call->count, 3);
    assert_true(str_is(json_get(json_get(call, "function"), "arguments")->text, "{}"));
    const struct json *part = json_get(assistant->next, "content")->first;
    assert_int_equal(part->count, 2);
    assert_null(json_get(part, "image"));
    parsed_free(&p);
}

static void test_hints(void **state)
{
    (void)state;
    static const struct {
        const char *json, *hint;
    } rows[] = {
        {"{'role':'asistant','content':'a'}", "Did you mean assistant?"},
        {"{'role':'function','content':'a'}", "tool_call_id"},
        {"{'role':'user','content':[{'type':'input_image'}]}", "image_url"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;
        parse(&p, "{" MODEL "'messages':[%s]}", rows[i].json);
        assert_int_not_equal(p.status, STATUS_OK);
        assert_non_null(strstr(p.why.hint[LANG_EN], rows[i].hint));
        assert_true(p.why.hint[LANG_ZH][0]);
        parsed_free(&p);
    }
}

/* However small the arena is: memory_full, or done. */
static void test_full_arena(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{" MODEL "'messages':[");
    for (int i = 0; i < 200; i++)
        buf_printf(&body,
                   "{'role':'user','content':[{'type':'image','image':'u%d'},"
                   "{'type':'video','video':['v','w']}]},{'role':'assistant',"
                   "'tool_calls':[{'id':'c','type':'function','function':{'name':'f'}}]},",
                   i);
    buf_puts(&body, "{'role':'user','content':'hi'}]}");
    struct parsed p;
    parse(&p, "%s", body.data);
    assert_int_equal(p.status, STATUS_OK);
    assert_int_equal(p.request.image_count, 200);
    size_t refused = 0;
    for (size_t bytes = 0; bytes < 2 << 20; bytes += 8192) {
        struct arena arena;
        arena_init(&arena, bytes);
        struct chat_request request;
        if (chat_check(p.root, &arena, &request, &p.why)) {
            assert_string_equal(p.why.code, "memory_full");
            refused++;
        }
        arena_release(&arena);
    }
    assert_in_range(refused, 10, 255);
    parsed_free(&p);
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_values_of_all_fields),
        cmocka_unit_test(test_values_of_tokens),
        cmocka_unit_test(test_many_tokens),
        cmocka_unit_test(test_forms_of_answers),
        cmocka_unit_test(test_absent_fields),
        cmocka_unit_test(test_media_in_order),
        cmocka_unit_test(test_rebuilt_messages),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_full_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
