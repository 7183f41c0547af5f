-- What wrk sends, and one JSON line of what came of it.
--     wrk ... URL -- [HEADER]     with a HEADER each request carries one, with a value of its own
local body = '"abcdefghijklmnopqr"'
wrk.method = "POST"
wrk.body = body
wrk.headers["Content-Type"] = "application/json"

function init(args)
    if not args[1] then return end
    local before = string.format(
        "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s: ",
        wrk.path, wrk.headers["Host"] or wrk.host, #body, args[1])
    -- Addresses of new tables differ from run to run, the time does from second to second.
    math.randomseed(os.time() + (tonumber(tostring({}):match("0x(%x+)"), 16) or 0) % 1000003)
    local run = string.format("%08x%08x-", math.random(0, 2 ^ 31 - 1), math.random(0, 2 ^ 31 - 1))
    local count = 0
    wrk.init = nil
    request = function()
        count = count + 1
        return before .. run .. count .. "\r\n\r\n" .. body
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"rate": %.1f, "p50": %.3f, "p99": %.3f, "p999": %.3f, "errors": %d}\n',
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
