-- For wrk: POST one entry after the other, each with an entry_id of its own.
-- At the end a line of JSON: how many were answered, in how many seconds, at what latencies.

local head, tail

function init(args)
  math.randomseed(tonumber(args[1]))
  head = '{"entry_id":"'
  tail = '","service_id":1,"prompt_tokens":1200,"completion_tokens":300,"direction":"consume"}'
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if args[2] then wrk.headers["Authorization"] = "Bearer " .. args[2] end
end

function request()
  local part = function() return math.random(0, 65535) end
  local id = string.format(
    "%04x%04x-%04x-4%03x-8%03x-%04x%04x%04x",
    part(), part(), part(), math.random(0, 4095), math.random(0, 4095), part(), part(), part()
  )
  return wrk.format(nil, nil, nil, head .. id .. tail)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answered": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
