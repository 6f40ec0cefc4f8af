/* digest_wide.c - SHA-384 and SHA-512, the digests over words of 64 bits.
 *
 * Both run the same rounds from different starts; SHA-384 leaves out the end of the result. Bytes
 * are taken as big-endian words; the last block closes with the length in bits. */
#include "expr/fn/call.h"

#define BLOCK ((size_t)128)

static const uint64_t round_constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static const uint64_t start_512[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                      0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                      0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint64_t start_384[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
                                      0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
                                      0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};

static uint64_t rotate(uint64_t x, int n) { return x >> n | x << (64 - n); }

static void add_block(uint64_t *h, const uint8_t *block)
{
    uint64_t w[80], s[8];
    for (int k = 0; k < 16; k++) {
        uint64_t word;
        memcpy(&word, block + 8 * k, 8);
        w[k] = __builtin_bswap64(word);
    }
    for (int k = 16; k < 80; k++) {
        uint64_t x = w[k - 15], y = w[k - 2];
        w[k] = w[k - 16] + w[k - 7] + (rotate(x, 1) ^ rotate(x, 8) ^ x >> 7) +
               (rotate(y, 19) ^ rotate(y, 61) ^ y >> 6);
    }
    memcpy(s, h, sizeof s);
    for (int k = 0; k < 80; k++) {
        uint64_t a = s[0], e = s[4];
        uint64_t first = s[7] + (rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)) +
                         ((e & s[5]) ^ (~e & s[6])) + round_constants[k] + w[k];
        uint64_t second = (rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)) +
                          ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first, s[0] = first + second;
    }
    for (int k = 0; k < 8; k++)
        h[k] += s[k];
}

static void digest(wr_str s, const uint64_t *start, uint8_t *out)
{
    uint64_t h[8];
    uint8_t tail[2 * BLOCK] = {0};
    const uint8_t *p = (const uint8_t *)s.data;
    size_t rest = s.length;
    memcpy(h, start, sizeof h);
    for (; rest >= BLOCK; p += BLOCK, rest -= BLOCK)
        add_block(h, p);
    if (rest) memcpy(tail, p, rest);
    tail[rest] = 0x80;
    size_t end = rest < BLOCK - 16 ? BLOCK : 2 * BLOCK;
    uint64_t bits = __builtin_bswap64((uint64_t)s.length * 8);
    memcpy(tail + end - 8, &bits, 8);
    add_block(h, tail);
    if (end > BLOCK) add_block(h, tail + BLOCK);
    for (int k = 0; k < 8; k++) {
        uint64_t word = __builtin_bswap64(h[k]);
        memcpy(out + 8 * k, &word, 8);
    }
}

static weir_status digest_rows(wr_call *call, wr_column *out, const uint64_t *start, size_t size)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        uint8_t bytes[64];
        char hex[128];
        digest(wr_arg_str(call, 0, i), start, bytes);
        for (size_t k = 0; k < size; k++) {
            hex[2 * k] = "0123456789abcdef"[bytes[k] >> 4];
            hex[2 * k + 1] = "0123456789abcdef"[bytes[k] & 15];
        }
        WR_OUT(out, wr_view, i) = out->type->id == WR_T_BLOB ? wr_text_add(&text, bytes, size)
                                                             : wr_text_add(&text, hex, 2 * size);
    }
    return WR_OK;
}
static weir_status fn_sha384(wr_call *call, wr_column *out)
{
    return digest_rows(call, out, start_384, 48);
}
static weir_status fn_sha512(wr_call *call, wr_column *out)
{
    return digest_rows(call, out, start_512, 64);
}

const wr_fn wr_fns_digest_wide[] = {
    {"sha384", "(text) -> text", fn_sha384, "SHA-384 digest in hex.", "left(sha384('abc'), 16)",
     "cb00753f45a35e8b"},
    {"sha384", "(blob) -> blob", fn_sha384, "SHA-384 digest.", "length(sha384('abc'::blob))", "48"},
    {"sha512", "(text) -> text", fn_sha512, "SHA-512 digest in hex.", "left(sha512('abc'), 16)",
     "ddaf35a193617aba"},
    {"sha512", "(blob) -> blob", fn_sha512, "SHA-512 digest.", "length(sha512('abc'::blob))", "64"},
    {0},
};
