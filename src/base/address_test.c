#include "base/address.h"
#include "base/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct address address_of(const char *text)
{
    struct address out;
    if (!address_parse(str_from(text), &out))
        fail_msg("%s is no address", text);
    return out;
}

static void reads_addresses(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"127.0.0.1", "127.0.0.1"},
        {"::ffff:127.0.0.1", "127.0.0.1"},
        {"::ffff:7f00:1", "127.0.0.1"},
        {"0:0:0:0:0:FFFF:7F00:0001", "127.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"64:ff9b::8.8.8.8", "64:ff9b::808:808"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct address address = address_of(rows[i][0]);
        assert_string_equal(address_write(&address, text), rows[i][1]);
        assert_int_equal(address_is_v4(&address), strchr(rows[i][1], ':') == NULL);
    }
}

static void takes_nothing_else_for_an_address(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "127.0.0.1 ",
        " 127.0.0.1",
        "127.0.0.256",
        "127.0.0.-1",
        "1.2.3.4.5",
        "[::1]",
        "::1%lo",
        "fe80::1%eth0",
        ":::",
        "1::2::3",
        "12345::",
        "::ffff:127.1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "localhost",
        "1.2.3.4/8",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:",
    };
    struct address out;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (address_parse(str_from(rows[i]), &out))
            fail_msg("\"%s\" was taken for an address", rows[i]);
    assert_false(address_parse((struct str){"::1\0", 4}, &out));
    assert_false(address_parse((struct str){NULL, 0}, &out));
}

/* Every text of up to five of these characters: what is taken is what inet_pton takes, and reads
 * back as the same value. */
static void agrees_with_the_library_on_every_short_text(void **state)
{
    (void)state;
    static const char letters[] = "01fx:.%/ ";
    const size_t n = sizeof letters; /* the NUL counts: it makes shorter texts */
    char text[6] = "", written[ADDRESS_TEXT_MAX];
    for (size_t code = 0; code < n * n * n * n * n; code++) {
        for (size_t i = 0, rest = code; i < 5; i++, rest /= n)
            text[i] = letters[rest % n];
        struct address address, again;
        struct in6_addr v6;
        struct in_addr v4;
        const bool taken = address_parse(str_from(text), &address);
        assert_int_equal(taken,
                         inet_pton(AF_INET6, text, &v6) == 1 || inet_pton(AF_INET, text, &v4) == 1);
        if (taken) {
            assert_true(address_parse(str_from(address_write(&address, written)), &again));
            assert_true(address_eq(&address, &again));
        }
    }
}

static void reads_sockets(void **state)
{
    (void)state;
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr other = {.sa_family = AF_UNIX};
    const struct address loopback4 = address_of("127.0.0.1"), loopback6 = address_of("::1");
    struct address out;
    assert_true(address_from_socket((const struct sockaddr *)&v4, &out));
    assert_true(address_eq(&out, &loopback4));
    assert_true(address_from_socket((const struct sockaddr *)&v6, &out));
    assert_true(address_eq(&out, &loopback6));
    assert_false(address_from_socket(&other, &out));
}

static void holds_the_addresses_of_a_range(void **state)
{
    (void)state;
    static const struct {
        const char *range, *address;
        bool held;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7/32", "192.0.2.6", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "1.2.3.4", false}, /* not of IPv6, as everybody would expect */
        {"::1/128", "::1", true},
        {"::1", "::2", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fc00::1", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address_range range;
        const struct address address = address_of(rows[i].address);
        assert_int_equal(address_range_parse(str_from(rows[i].range), &range, NULL), STATUS_OK);
        if (address_range_has(&range, &address) != rows[i].held)
            fail_msg("%s in %s", rows[i].address, rows[i].range);
    }
}

static void refuses_ranges_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"", "neither"},
        {"/8", "neither"},
        {"10.0.0.0/", "neither"},
        {"10.0.0.0/33", "neither"},
        {"10.0.0.0/08", "neither"},
        {"10.0.0.0/+8", "neither"},
        {"10.0.0.0/8/8", "neither"},
        {"10.0.0.0/1000", "neither"},
        {"10/8", "neither"},
        {"10.0.0.0/255.0.0.0", "neither"},
        {"::/129", "neither"},
        {"example.com", "neither"},
        {"10.0.0.1/8", "10.0.0.1 has bits behind the prefix /8."},
        {"::1/64", "::1 has bits behind the prefix /64."},
        {"128.0.0.0/0", "128.0.0.0 has bits behind the prefix /0."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address_range range;
        struct reason why;
        assert_int_equal(address_range_parse(str_from(rows[i].text), &range, &why), STATUS_INVALID);
        assert_string_equal(why.code, "config_invalid_value");
        assert_non_null(strstr(why.message[LANG_EN], rows[i].said));
        assert_true(why.message[LANG_ZH][0] && why.hint[LANG_EN][0] && why.hint[LANG_ZH][0]);
    }
    struct address_range range;
    struct reason why;
    assert_int_equal(address_range_parse(STR("10.0.0.1/8"), &range, &why), STATUS_INVALID);
    assert_string_equal(why.hint[LANG_EN],
                        "Write 10.0.0.0/8 for the range, or 10.0.0.1 for the one address.");
}

/* First and last address of each range of the registries, and their neighbours outside. */
static const struct {
    const char *address;
    enum address_kind kind;
} kinds[] = {
    {"0.0.0.0", ADDRESS_UNSPECIFIED},
    {"0.0.0.1", ADDRESS_RESERVED},
    {"0.255.255.255", ADDRESS_RESERVED},
    {"1.0.0.0", ADDRESS_PUBLIC},
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.64.0.0", ADDRESS_SHARED},
    {"100.127.255.255", ADDRESS_SHARED},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"100.100.100.200", ADDRESS_METADATA},
    {"100.100.100.201", ADDRESS_SHARED},
    {"126.255.255.255", ADDRESS_PUBLIC},
    {"127.0.0.0", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"128.0.0.0", ADDRESS_PUBLIC},
    {"168.63.129.15", ADDRESS_PUBLIC},
    {"168.63.129.16", ADDRESS_METADATA},
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"169.254.0.0", ADDRESS_LINK_LOCAL},
    {"169.254.0.23", ADDRESS_METADATA},
    {"169.254.42.42", ADDRESS_METADATA},
    {"169.254.169.254", ADDRESS_METADATA},
    {"169.254.170.2", ADDRESS_METADATA},
    {"169.254.170.23", ADDRESS_METADATA},
    {"169.254.255.255", ADDRESS_LINK_LOCAL},
    {"169.255.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.16.0.0", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"191.255.255.255", ADDRESS_PUBLIC},
    {"192.0.0.0", ADDRESS_RESERVED},
    {"192.0.0.192", ADDRESS_METADATA},
    {"192.0.0.255", ADDRESS_RESERVED},
    {"192.0.1.0", ADDRESS_PUBLIC},
    {"192.0.2.0", ADDRESS_DOCUMENTATION},
    {"192.0.2.255", ADDRESS_DOCUMENTATION},
    {"192.0.3.0", ADDRESS_PUBLIC},
    {"192.31.196.1", ADDRESS_PUBLIC},
    {"192.52.193.1", ADDRESS_PUBLIC},
    {"192.88.98.255", ADDRESS_PUBLIC},
    {"192.88.99.0", ADDRESS_RESERVED},
    {"192.88.100.0", ADDRESS_PUBLIC},
    {"192.167.255.255", ADDRESS_PUBLIC},
    {"192.168.0.0", ADDRESS_PRIVATE},
    {"192.168.255.255", ADDRESS_PRIVATE},
    {"192.169.0.0", ADDRESS_PUBLIC},
    {"198.17.255.255", ADDRESS_PUBLIC},
    {"198.18.0.0", ADDRESS_BENCHMARKING},
    {"198.19.255.255", ADDRESS_BENCHMARKING},
    {"198.20.0.0", ADDRESS_PUBLIC},
    {"198.51.100.0", ADDRESS_DOCUMENTATION},
    {"198.51.101.0", ADDRESS_PUBLIC},
    {"203.0.113.255", ADDRESS_DOCUMENTATION},
    {"203.0.114.0", ADDRESS_PUBLIC},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"224.0.0.0", ADDRESS_MULTICAST},
    {"233.252.0.1", ADDRESS_DOCUMENTATION},
    {"239.255.255.255", ADDRESS_MULTICAST},
    {"240.0.0.0", ADDRESS_RESERVED},
    {"255.255.255.254", ADDRESS_RESERVED},
    {"255.255.255.255", ADDRESS_BROADCAST},

    {"::", ADDRESS_UNSPECIFIED},
    {"::1", ADDRESS_LOOPBACK},
    {"::2", ADDRESS_RESERVED},
    {"::127.0.0.1", ADDRESS_LOOPBACK},
    {"::8.8.8.8", ADDRESS_RESERVED},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:169.254.169.254", ADDRESS_METADATA},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"::ffff:0:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:0:8.8.8.8", ADDRESS_RESERVED},
    {"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
    {"64:ff9b::10.0.0.1", ADDRESS_PRIVATE},
    {"64:ff9b::169.254.169.254", ADDRESS_METADATA},
    {"64:ff9b:0:0:0:1:0:0", ADDRESS_RESERVED},
    {"64:ff9b:1::8.8.8.8", ADDRESS_RESERVED},
    {"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED},
    {"64:ff9b:2::", ADDRESS_RESERVED},
    {"100::1", ADDRESS_RESERVED},
    {"1fff:ffff::", ADDRESS_RESERVED},
    {"2000::", ADDRESS_PUBLIC},
    {"2001:0:4136:e378:8000:63bf:80ff:fffe", ADDRESS_LOOPBACK}, /* Teredo of 127.0.0.1 */
    {"2001:0:4136:e378:8000:63bf:5601:5601", ADDRESS_METADATA},
    {"2001:0:4136:e378:8000:63bf:f7f7:f7f7", ADDRESS_TUNNEL}, /* of 8.8.8.8 */
    {"2001:1::1", ADDRESS_RESERVED},
    {"2001:2::1", ADDRESS_BENCHMARKING},
    {"2001:2:1::", ADDRESS_RESERVED},
    {"2001:3::1", ADDRESS_PUBLIC},
    {"2001:4:112::1", ADDRESS_PUBLIC},
    {"2001:10::1", ADDRESS_RESERVED},
    {"2001:20::1", ADDRESS_RESERVED},
    {"2001:1ff:ffff::", ADDRESS_RESERVED},
    {"2001:200::", ADDRESS_PUBLIC},
    {"2001:db8::1", ADDRESS_DOCUMENTATION},
    {"2001:db9::", ADDRESS_PUBLIC},
    {"2001:4860:4860::8888", ADDRESS_PUBLIC},
    {"2002:7f00:1::", ADDRESS_LOOPBACK},
    {"2002:a9fe:a9fe::1", ADDRESS_METADATA},
    {"2002:c0a8:101::1", ADDRESS_PRIVATE},
    {"2002:808:808::", ADDRESS_TUNNEL},
    {"2003::1", ADDRESS_PUBLIC},
    {"2620:4f:8000::1", ADDRESS_PUBLIC},
    {"2a00:1:2:3:0:5efe:10.0.0.1", ADDRESS_PRIVATE}, /* ISATAP */
    {"2a00:1:2:3:200:5efe:127.0.0.1", ADDRESS_LOOPBACK},
    {"2a00:1:2:3:200:5efe:8.8.8.8", ADDRESS_PUBLIC},
    {"2a00:1:2:3:300:5efe:127.0.0.1", ADDRESS_PUBLIC},
    {"3fff::1", ADDRESS_DOCUMENTATION},
    {"3fff:1000::", ADDRESS_PUBLIC},
    {"4000::", ADDRESS_RESERVED},
    {"5f00::1", ADDRESS_RESERVED},
    {"fbff::", ADDRESS_RESERVED},
    {"fc00::", ADDRESS_PRIVATE},
    {"fd00:42::42", ADDRESS_METADATA},
    {"fd00:ec2::23", ADDRESS_METADATA},
    {"fd00:ec2::254", ADDRESS_METADATA},
    {"fd00:ec2::255", ADDRESS_PRIVATE},
    {"fd20:ce::254", ADDRESS_METADATA},
    {"fdff:ffff::", ADDRESS_PRIVATE},
    {"fe00::", ADDRESS_RESERVED},
    {"fe80::1", ADDRESS_LINK_LOCAL},
    {"fe80::a9fe:a9fe", ADDRESS_METADATA},
    {"febf:ffff::", ADDRESS_LINK_LOCAL},
    {"fec0::1", ADDRESS_PRIVATE},
    {"feff::1", ADDRESS_PRIVATE},
    {"ff00::", ADDRESS_MULTICAST},
    {"ff02::1", ADDRESS_MULTICAST},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_MULTICAST},
};

static void knows_what_addresses_are_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct address address = address_of(kinds[i].address);
        const enum address_kind kind = address_classify(&address);
        if (kind != kinds[i].kind)
            fail_msg("%s is %s, not %s", kinds[i].address, address_kind_name(kind, LANG_EN),
                     address_kind_name(kinds[i].kind, LANG_EN));
    }
}

/* Whatever an IPv4 address is wrapped in, it is not more public than it is itself. */
static void looks_into_every_wrapping(void **state)
{
    (void)state;
    for (uint32_t high = 0; high < 1 << 16; high++) {
        const uint32_t a = high >> 8, b = high & 255;
        char text[2][ADDRESS_TEXT_MAX];
        snprintf(text[0], sizeof text[0], "%u.%u.169.254", a, b);
        const struct address plain = address_of(text[0]);
        const enum address_kind kind = address_classify(&plain);
        static const char *const forms[] = {"::ffff:%u.%u.169.254", "64:ff9b::%u.%u.169.254",
                                            "2a00::5efe:%u.%u.169.254"};
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
            snprintf(text[1], sizeof text[1], forms[i], a, b);
            const struct address wrapped = address_of(text[1]);
            assert_int_equal(address_classify(&wrapped), kind);
        }
    }
}

static void names_every_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < ADDRESS_KIND_COUNT; kind++)
        for (int lang = 0; lang < LANG_COUNT; lang++)
            assert_non_null(address_kind_name((enum address_kind)kind, (enum lang)lang));
    assert_string_equal(address_kind_name(ADDRESS_LOOPBACK, LANG_EN), "loopback");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(takes_nothing_else_for_an_address),
        cmocka_unit_test(agrees_with_the_library_on_every_short_text),
        cmocka_unit_test(reads_sockets),
        cmocka_unit_test(holds_the_addresses_of_a_range),
        cmocka_unit_test(refuses_ranges_that_are_none),
        cmocka_unit_test(knows_what_addresses_are_for),
        cmocka_unit_test(looks_into_every_wrapping),
        cmocka_unit_test(names_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
