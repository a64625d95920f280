//! Every fault the company can have: its name, what people are told, and the truth about it.
//!
//! Data, one entry a fault; how each acts is beside, in the modules of `faults`.

use super::{Answer, Fault, Said};

const fn said(en: &'static str, zh: &'static str) -> Said {
    Said { en, zh }
}

const ORDERING: &[&str] = &["order-service/POST /orders", "mp-gateway/POST /api/v2/orders"];

const PAY_OUT: Answer = Answer {
    entities: &["third_party:api.pay.example.com"],
    kinds: &["third_party"],
    hurts: &["payment-service/POST /payments", "order-service/POST /orders", "mp-gateway/POST /api/v2/orders"],
    change: None,
};
const DISK_FULL: Answer = Answer {
    entities: &["host:node-5", "node:node-5"],
    kinds: &["disk"],
    hurts: &["printing-service/POST /labels", "invoice-service/POST /invoices", "kitchen-service/POST /tickets"],
    change: None,
};

/// In the order in which they are shown.
pub(crate) const CATALOGUE: &[Fault] = &[
    Fault {
        name: "connection_pool",
        title: said("Payment leaks database connections", "支付服务数据库连接泄漏"),
        description: said(
            "A new release of payment-service forgets to return a connection when it saves a payment. The pool runs dry, payments wait and fail, and every order behind them with it.",
            "payment-service 新版本在保存支付单时未归还数据库连接，连接池逐渐耗尽，支付等待并失败，上游下单随之失败。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:payment-service"],
            kinds: &["connection_pool"],
            hurts: &["payment-service/POST /payments", "order-service/POST /orders", "mp-gateway/POST /api/v2/orders"],
            change: Some("payment-service"),
        }],
    },
    Fault {
        name: "slow_sql",
        title: said("Order list without an index", "订单列表查询缺少索引"),
        description: said(
            "The list of a member's orders is read without an index: the statement scans the whole table and holds the database's workers.",
            "按会员查询订单列表的语句未命中索引，每次全表扫描并长时间占用数据库工作线程。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:order-service", "database:mysql/order"],
            kinds: &["slow_sql"],
            hurts: &["order-service/GET /orders", "mp-gateway/GET /api/v2/orders"],
            change: None,
        }],
    },
    Fault {
        name: "n_plus_one",
        title: said("Menu reads one row at a time", "菜单服务 N+1 查询"),
        description: said(
            "A new release of menu-service reads each product of a menu with a statement of its own: one request becomes eighty statements.",
            "menu-service 新版本逐个查询菜单中的商品，一次请求从一条语句变成八十条。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:menu-service"],
            kinds: &["n_plus_one"],
            hurts: &["menu-service/GET /menus/{storeId}", "mp-gateway/GET /api/v2/menu/{storeId}"],
            change: Some("menu-service"),
        }],
    },
    Fault {
        name: "host",
        title: said("A node under five services hangs", "承载五个服务的节点卡死"),
        description: said(
            "node-3 has soft lockups: the processor is taken away from everything that runs there, and five services answer late or never from their instances on it.",
            "node-3 发生内核软死锁，其上所有进程得不到处理器，五个服务在该节点的实例响应极慢或超时。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["host:node-3", "node:node-3"],
            kinds: &["host"],
            hurts: &["order-service/POST /orders", "cart-service/GET /carts/{memberId}"],
            change: None,
        }],
    },
    Fault {
        name: "network",
        title: said("Delay between order and inventory", "订单到库存的网络延迟"),
        description: said(
            "Packets between order-service and inventory-service are late by 400 ms each way. Both services are well.",
            "order-service 与 inventory-service 之间的网络单向延迟 400 毫秒，两端服务本身正常。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:inventory-service", "service:order-service"],
            kinds: &["network"],
            hurts: ORDERING,
            change: None,
        }],
    },
    Fault {
        name: "third_party",
        title: said("The payment provider is down", "第三方支付渠道故障"),
        description: said(
            "api.pay.example.com answers 503 or nothing at all. Nothing of the company's own has changed.",
            "api.pay.example.com 返回 503 或无响应，公司自身系统没有任何变化。",
        ),
        parts: &[],
        answers: &[PAY_OUT],
    },
    Fault {
        name: "config",
        title: said("A config push expires every coupon", "配置推送导致全部优惠券过期"),
        description: said(
            "A configuration of coupon-service is pushed with the wrong year: every coupon is expired, and orders with one are refused.",
            "coupon-service 的配置推送写错了年份，全部优惠券被判定过期，使用优惠券的订单被拒绝。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:coupon-service"],
            kinds: &["config"],
            hurts: &["coupon-service/com.retail.coupon.CouponService/redeem", "order-service/POST /orders"],
            change: Some("coupon-service"),
        }],
    },
    Fault {
        name: "poison_message",
        title: said("A message nobody can read blocks the queue", "毒消息阻塞队列"),
        description: said(
            "Messages of ORDER_PAID that cannot be parsed are retried for ever by the ordered consumer: the ones behind them wait, and the backlog grows.",
            "ORDER_PAID 中出现无法解析的消息，顺序消费者无限重试，其后的消息全部等待，积压持续增长。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["queue:rocketmq/ORDER_PAID", "service:order-event-consumer"],
            kinds: &["poison_message"],
            hurts: &["order-event-consumer/process ORDER_PAID"],
            change: None,
        }],
    },
    Fault {
        name: "retry_storm",
        title: said("Impatient retries keep promotion down", "重试风暴压垮促销服务"),
        description: said(
            "cart-service asks promotion-service ten times without pause when a short hiccup makes it late. The retries are the load that keeps it slow after the hiccup is long over.",
            "促销服务短暂抖动后，cart-service 无间隔重试十次，重试流量使促销服务在抖动结束后仍无法恢复。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["service:cart-service", "service:promotion-service"],
            kinds: &["retry_storm"],
            hurts: &["cart-service/GET /carts/{memberId}", "mp-gateway/GET /api/v2/cart"],
            change: None,
        }],
    },
    Fault {
        name: "memory",
        title: said("One instance runs out of memory", "单个实例内存溢出"),
        description: said(
            "member-service-1 keeps every session it sees. Its heap fills, collections eat the processor, it is killed, starts again and fills again.",
            "member-service-1 持续缓存会话不释放，堆内存占满，垃圾回收耗尽处理器，进程被终止后重启并再次占满。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["instance:member-service-1", "service:member-service"],
            kinds: &["memory"],
            hurts: &["member-service/GET /members/{memberId}"],
            change: None,
        }],
    },
    Fault {
        name: "disk",
        title: said("A host's disk is full", "主机磁盘写满"),
        description: said(
            "The disk of node-5 fills up. Services on it that write files - labels, tickets, invoices - fail; others on it do not.",
            "node-5 磁盘写满，其上需要写文件的服务（标签、制作单、发票）失败，其他服务不受影响。",
        ),
        parts: &[],
        answers: &[DISK_FULL],
    },
    Fault {
        name: "region",
        title: said("The printer gateway of a region is offline", "区域打印网关离线"),
        description: said(
            "The gateway behind every shop printer of cn-south-1 is unreachable: no label is printed there, and its printers fall silent.",
            "cn-south-1 区域的打印网关不可达，该区域门店无法打印标签，打印机心跳全部中断。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["device:printer-gw-south", "region:cn-south-1", "third_party:printer-gw-south"],
            kinds: &["region", "device"],
            hurts: &["printing-service/POST /labels"],
            change: None,
        }],
    },
    Fault {
        name: "traffic",
        title: said("A surge that is nobody's fault", "突发流量"),
        description: said(
            "A campaign brings five times as many customers. Everything gets slower because there is more of it.",
            "营销活动带来五倍客流，所有环节因负载升高而变慢，没有任何组件出错。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["traffic:mp-gateway", "service:mp-gateway"],
            kinds: &["traffic"],
            hurts: &["mp-gateway/GET /api/v2/menu/{storeId}", "mp-gateway/POST /api/v2/orders"],
            change: None,
        }],
    },
    Fault {
        name: "device",
        title: said("A site's switch drops packets", "站点交换机丢包"),
        description: said(
            "The switch sw-dc-east-1 of the distribution centre loses packets: warehouse, cold chain and dock, which share nothing else, are slow and unreachable together.",
            "配送中心交换机 sw-dc-east-1 丢包，仓储、冷链、月台三个互不相干的系统同时变慢或不可达。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["device:sw-dc-east-1", "site:DC-EAST"],
            kinds: &["device", "network"],
            hurts: &["supply-service/POST /replenishments", "supply-service/GET /deliveries/{dockId}"],
            change: None,
        }],
    },
    Fault {
        name: "version_drift",
        title: said("A till left on an old version", "门店收银机版本落后"),
        description: said(
            "All tills are released to 6.9.0 but the one of shop S10005, whose orders the new protocol refuses.",
            "全部收银机升级到 6.9.0，唯独门店 S10005 停留在旧版本，其订单被新协议拒绝。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["instance:pos-client-S10005", "host:pos-S10005", "service:pos-client"],
            kinds: &["version_drift"],
            hurts: &["pos-gateway/POST /pos/orders"],
            change: Some("pos-client"),
        }],
    },
    Fault {
        name: "replica_lag",
        title: said("The order replica falls behind", "订单从库延迟"),
        description: said(
            "A long statement keeps the replica of the order database from following: orders that were just placed are not found when they are read there.",
            "订单库从库被长事务阻塞，复制延迟不断增大，刚下的订单在从库查询不到。",
        ),
        parts: &[],
        answers: &[Answer {
            entities: &["database:mysql/order", "host:db-order-replica", "service:order-service"],
            kinds: &["replica_lag"],
            hurts: &["order-service/GET /orders/{orderId}", "mp-gateway/GET /api/v2/orders/{orderId}"],
            change: None,
        }],
    },
    Fault {
        name: "disk+third_party",
        title: said("Two faults at once, with nothing in common", "两个无关故障同时发生"),
        description: said(
            "The disk of node-5 fills up while the payment provider is down. Neither has to do with the other, and neither may hide the other.",
            "node-5 磁盘写满的同时第三方支付渠道故障，两者互不相干，任何一个都不应被另一个掩盖。",
        ),
        parts: &["disk", "third_party"],
        answers: &[DISK_FULL, PAY_OUT],
    },
];
