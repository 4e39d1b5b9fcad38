-- Makes wrk end its output with one line of JSON. A script that loads this one may add fields.
function more_fields()
    return ""
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"bytes":%d,"microseconds":%d,"p50":%d,"p99":%d,'
            .. '"broken":%d,"refused":%d%s}\n',
        summary.requests, summary.bytes, summary.duration,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.timeout,
        -- Any status from 400 on.
        errors.status, more_fields()))
end
