-- Makes wrk end its output with one line of JSON.
function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"bytes":%d,"microseconds":%d,"p50":%d,"p99":%d,"failed":%d}\n',
        summary.requests, summary.bytes, summary.duration,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
