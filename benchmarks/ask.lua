-- For wrk, with the words SEED METHOD [HEADER VALUE]...: GET a page, or POST one entry after the other, each with
-- an entry_id of its own. At the end a line of JSON: how many were answered, in how many seconds, at what latencies.

local records
local head = '{"entry_id":"'
local tail = '","service_id":1,"prompt_tokens":1200,"completion_tokens":300,"direction":"consume"}'

function init(args)
  math.randomseed(tonumber(args[1]))
  wrk.method = args[2]
  records = args[2] == "POST"
  if records then wrk.headers["Content-Type"] = "application/json" end
  for place = 3, #args, 2 do wrk.headers[args[place]] = args[place + 1] end
end

function request()
  if not records then return wrk.format() end
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
