/* The least that a worker of a bide pool can be: each job's body goes back as the JSON it came as,
 * so that none has to be understood. Reads all that is there and writes all answers at once. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char input[1 << 18];
static char output[1 << 19];

/* {"id":"...", ..., "body":"..."} becomes {"id":"...","body":"..."}. */
static size_t answer(const char* line, const char* end, char* out) {
    const char* id = memmem(line, (size_t)(end - line), "\"id\":\"", 6);
    const char* body = memmem(line, (size_t)(end - line), "\"body\":", 7);
    if (!id || !body) return 0;
    const char* id_end = memchr(id + 6, '"', (size_t)(end - id - 6));
    if (!id_end) return 0;
    char* at = out;
    *at++ = '{';
    at = mempcpy(at, id, (size_t)(id_end + 1 - id));
    *at++ = ',';
    at = mempcpy(at, body, (size_t)(end - body)); /* with the closing brace, body comes last */
    *at++ = '\n';
    return (size_t)(at - out);
}

int main(void) {
    size_t have = 0;
    for (;;) {
        const ssize_t got = read(STDIN_FILENO, input + have, sizeof input - have);
        if (got <= 0) return 0;
        have += (size_t)got;
        size_t ready = 0;
        char* line = input;
        for (char* end; (end = memchr(line, '\n', (size_t)(input + have - line))); line = end + 1)
            ready += answer(line, end, output + ready);
        have -= (size_t)(line - input);
        memmove(input, line, have);
        for (size_t sent = 0; sent < ready;) {
            const ssize_t put = write(STDOUT_FILENO, output + sent, ready - sent);
            if (put <= 0) return 1;
            sent += (size_t)put;
        }
    }
}
