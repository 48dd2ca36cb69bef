"""Values as people write them: what must render, and what must be refused with words that help."""

# Each must render into valid manifests.
ACCEPTED = {
    "defaults": "",
    "beside Directus, Gateway API": """
        directus: {service: {name: directus, port: 8055}}
        httpRoute:
          enabled: true
          parentRefs: [{name: public, namespace: gateways, sectionName: https}]
          hostnames: [cms.example.com]
        """,
    "Gateway API without timeouts (GKE)": """
        httpRoute: {enabled: true, parentRefs: [{name: public}], timeouts: null}
        """,
    "beside Directus, nginx": """
        directus: {service: {name: directus}}
        ingress:
          enabled: true
          className: nginx
          hosts: [cms.example.com, www.example.com]
          annotations: {nginx.ingress.kubernetes.io/proxy-read-timeout: "60", cert-manager.io/cluster-issuer: letsencrypt}
          tls: [{secretName: cms-tls, hosts: [cms.example.com]}]
        """,
    "beside Directus, Traefik": """
        directus: {service: {name: directus}}
        ingress: {enabled: true, controller: traefik, hosts: [cms.example.com], tls: [{secretName: cms-tls, hosts: [cms.example.com]}]}
        """,
    "another controller, no GraphQL": """
        ingress: {enabled: true, controller: other, hosts: ["*.example.com"]}
        paths: {graphql: "", logs: ""}
        """,
    "alone": """
        mode: alone
        administrator: {email: ops@example.com, existingSecret: first-admin, tokenKey: ADMIN_TOKEN}
        publicUrl: https://realtime.example.com
        ingress: {enabled: true, hosts: [realtime.example.com]}
        test: {existingSecret: first-admin, item: {text: "helm test"}, collection: messages}
        """,
    "alone, Gateway API": """
        mode: alone
        httpRoute: {enabled: true, parentRefs: [{name: public}], hostnames: [realtime.example.com]}
        """,
    "everything that scales and watches": """
        gateway:
          autoscaling: {enabled: true, minReplicas: 3, maxReplicas: 40, targetMemory: 75, connections: {enabled: true, averageValue: 15000}}
          podDisruptionBudget: {maxUnavailable: "", minAvailable: 50%}
          topologySpreadConstraints: []
        metrics:
          serviceMonitor: {enabled: true, interval: 15s, labels: {release: prometheus}}
          prometheusRule: {enabled: true, labels: {release: prometheus}}
          dashboard: {enabled: true, annotations: {grafana_folder: Realtime}}
        tracing: {enabled: true, endpoint: "http://collector.observability:4318", ratio: 0.1}
        """,
    "KEDA and PodMonitor": """
        gateway: {keda: {enabled: true, fallbackReplicas: 4, authentication: prometheus}, autoscaling: {maxReplicas: 20}}
        metrics: {podMonitor: {enabled: true, metricRelabelings: [{action: labeldrop, regex: instance}]}}
        """,
    "addresses in secrets, a pooler in front": """
        database: {existingSecret: pg, urlKey: url, captureUrlKey: direct-url}
        redis: {existingSecret: redis, urlKey: url}
        secret: {existingSecret: directus, key: directus-secret}
        networkPolicy:
          postgres: [{ipBlock: {cidr: 10.1.2.0/24}}]
          postgresPorts: [5432, 6432]
          redis: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: redis}}}]
          clients: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
        """,
    "a password for Redis, numbers and booleans as settings": """
        redis: {host: redis-master, username: default, passwordKey: REDIS_PASSWORD, namespace: blue}
        settings: {MAX_PAYLOAD_SIZE: 5mb, RATE_LIMITER_ENABLED: true, RATE_LIMITER_POINTS: 100}
        gateway: {settings: {GATEWAY_MAX_MESSAGE_BYTES: 104857600, WEBSOCKETS_HEARTBEAT_PERIOD: 30, GATEWAY_SEND_QUEUE_BYTES: 2097152}}
        capture: {settings: {CAPTURE_NOTIFY: "off", CAPTURE_POLL_MIN: 0.5ms}}
        """,
    "TLS to both stores, with a client certificate": """
        database: {tls: {enabled: true, existingSecret: pg-tls, certificateKey: tls.crt, privateKeyKey: tls.key}}
        redis: {port: 6380, tls: {enabled: true, existingSecret: "", caKey: ""}}
        """,
    "a digest, a registry with a port, pull secrets": f"""
        image: {{repository: "registry.example.com:5000/team/tidegate", digest: "sha256:{"0" * 64}", pullSecrets: [{{name: pull}}]}}
        """,
    "all the usual pod options": """
        commonLabels: {team: realtime}
        commonAnnotations: {owner: realtime}
        serviceAccount: {create: false, name: shared}
        podSecurityContext: {runAsUser: 1000, sysctls: [{name: net.ipv4.ip_local_port_range, value: "1024 65000"}]}
        gateway:
          service: {type: LoadBalancer, port: 443, annotations: {a: b}, externalTrafficPolicy: Local, loadBalancerSourceRanges: [10.0.0.0/8]}
          extraEnv: [{name: TZ, value: UTC}, {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
          extraEnvFrom: [{secretRef: {name: more}}]
          nodeSelector: {disk: ssd}
          tolerations: [{key: realtime, operator: Exists}]
          affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}]}]}}}
          priorityClassName: high
          runtimeClassName: gvisor
          schedulerName: other
          dnsPolicy: ClusterFirst
          dnsConfig: {options: [{name: ndots, value: "2"}]}
          hostAliases: [{ip: 10.0.0.1, hostnames: [pg.internal]}]
          podAnnotations: {reloader: "true"}
          podLabels: {mesh: "on"}
          extraVolumes: [{name: tmp, emptyDir: {}}]
          extraVolumeMounts: [{name: tmp, mountPath: /tmp}]
        capture:
          tolerations: [{key: realtime, operator: Exists}]
          nodeSelector: {disk: ssd}
        """,
    "as little as possible": """
        gateway: {replicas: 1, podDisruptionBudget: {enabled: false}, preStopSleepSeconds: 0}
        capture: {replicas: 1, podDisruptionBudget: {enabled: false}}
        install: {enabled: false}
        uninstall: {enabled: false}
        networkPolicy: {enabled: false}
        """,
    "a parent chart's globals, long names": """
        global: {storageClass: fast}
        fullnameOverride: a-name-that-is-longer-than-anybody-would-ever-want-to-type
        """,
}

# Each must be refused, and the words must be in the message: (values, words).
REFUSED = {
    "a value that does not exist": ("gateway: {replica: 3}", "replica"),
    "text for a number": ("gateway: {replicas: three}", "/gateway/replicas"),
    "an unknown mode": ("mode: beside", "/mode"),
    "a port that is none": ("database: {port: 70000}", "/database/port"),
    "a secret in plain sight": ("settings: {SECRET: abc}", "/settings"),
    "a password in plain sight": ("capture: {settings: {DB_PASSWORD: abc}}", "/capture/settings"),
    "a private key in plain sight": ("settings: {DB_SSL__KEY: abc}", "/settings"),
    "traces over TLS": ("tracing: {endpoint: 'https://collector'}", "/tracing/endpoint"),
    "a setting in lower case": ("settings: {log_level: debug}", "/settings"),
    "a setting that is a list": ("settings: {CAPTURE_EXCLUDE: [a, b]}", "CAPTURE_EXCLUDE"),
    "no secret": ("secret: {existingSecret: ''}", "/secret/existingSecret"),
    "a tag in the repository": ("image: {repository: 'tidegate:latest'}", "/image/repository"),
    "a digest that is cut off": ("image: {digest: 'sha256:abc'}", "/image/digest"),
    "a quantity that is none": ("gateway: {resources: {limits: {memory: 1 GB}}}", "memory"),
    "an unknown log level": ("logLevel: verbose", "/logLevel"),
    "a path without its slash": ("paths: {websocket: websocket}", "/paths/websocket"),
    "a host with a scheme": ("ingress: {enabled: true, hosts: ['https://example.com']}", "/ingress/hosts"),
    "an unknown controller": ("ingress: {controller: haproxy}", "/ingress/controller"),
    "a ratio over one": ("tracing: {ratio: 50}", "/tracing/ratio"),
    "a grace period that cuts the drain off": ("gateway: {drainTimeoutSeconds: 60}", "terminationGracePeriodSeconds"),
    "two autoscalers": ("gateway: {autoscaling: {enabled: true}, keda: {enabled: true}}", "exclude each other"),
    "an autoscaler without a target": ("gateway: {autoscaling: {enabled: true, targetCPU: 0}}", "no target"),
    "fewer than the fewest": ("gateway: {autoscaling: {minReplicas: 5, maxReplicas: 3}}", "minReplicas"),
    "two scrapes": ("metrics: {serviceMonitor: {enabled: true}, podMonitor: {enabled: true}}", "twice"),
    "an ingress without hosts": ("ingress: {enabled: true, controller: other}", "ingress.hosts"),
    "a route without a gateway": ("httpRoute: {enabled: true}", "parentRefs"),
    "alone with a Directus": ("{mode: alone, directus: {service: {name: directus}}}", "alone"),
    "nginx that cannot split": ("ingress: {enabled: true, hosts: [a.example.com]}", "directus.service.name"),
    "a budget of nothing": ("gateway: {podDisruptionBudget: {maxUnavailable: ''}}", "minAvailable or maxUnavailable"),
}
