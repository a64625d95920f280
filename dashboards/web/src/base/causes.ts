// The kinds of cause, a closed list, and the goals of an incident's clocks.
import { phrases } from "./language";

export const useCauseWords = phrases("cause", {
  release: ["release", "发布引入"],
  config: ["configuration", "配置变更"],
  exception: ["exception", "代码异常"],
  slow_sql: ["slow SQL", "慢 SQL"],
  n_plus_one: ["N+1 queries", "N+1 查询"],
  connection_pool: ["connection pool exhausted", "连接池耗尽"],
  thread_pool: ["thread pool exhausted", "线程池耗尽"],
  lock: ["lock contention", "锁竞争"],
  memory: ["memory", "内存"],
  cpu: ["CPU", "CPU"],
  disk: ["disk", "磁盘"],
  host: ["host or node", "主机或节点"],
  network: ["network", "网络"],
  dns: ["DNS", "DNS"],
  certificate: ["certificate", "证书"],
  database: ["database", "数据库"],
  replica_lag: ["replica lag", "主从延迟"],
  cache: ["cache", "缓存"],
  queue: ["message backlog", "消息堆积"],
  poison_message: ["poison message", "毒消息"],
  retry_storm: ["retry storm", "重试风暴"],
  third_party: ["third party", "第三方"],
  traffic: ["traffic surge", "流量突增"],
  bad_data: ["bad data", "数据异常"],
  device: ["network device", "网络设备"],
  region: ["region", "区域"],
  version_drift: ["left on an old version", "版本不一致"],
  cold_start: ["cold start", "冷启动"],
  unknown: ["unknown", "未知"],
});

/** Within how many minutes a fault should be detected, its cause located, and its impact gone. */
export const GOALS = { detect: 2, locate: 5, recover: 10 } as const;
