# What a NATS node needs to start by itself: scripts, units, and the facts that differ per node.
# The module has no provider: its output is the user data of one node.

locals {
  files = "${path.module}/files"

  settings = {
    SERVER_NAME       = var.server_name
    AWS_REGION        = var.region
    VOLUME_ID         = var.volume_id
    BUCKET            = var.bucket
    SERVER_OBJECT     = var.server_object
    SERVER_SHA256     = var.server_sha256
    AUTHORITY_ARN     = var.certificate_authority_arn
    SIGNING_ALGORITHM = var.signing_algorithm
    CERTIFICATE_DAYS  = var.certificate_days
    RENEW_BEFORE_DAYS = var.renew_before_days
    DNS_NAMES         = join(",", var.dns_names)
  }

  # The link that udev makes for the volume, whatever the order in which disks are found.
  device = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(var.volume_id, "-", "")}"

  programs = ["common.sh", "identity", "volume", "server", "certificate", "configuration", "health"]

  units = [
    "nats.service",
    "nats-prepare.service",
    "nats-volume.service",
    "nats-certificate.service",
    "nats-certificate.timer",
    "nats-configuration.service",
    "nats-configuration.timer",
    "nats-health.service",
    "nats-health.timer",
  ]

  written = concat(
    [
      {
        path        = "/etc/nats/settings.env"
        permissions = "0644"
        content     = join("", [for name, value in local.settings : "${name}=${value}\n"])
      },
      {
        path        = "/etc/systemd/system/var-lib-nats.mount"
        permissions = "0644"
        content     = templatefile("${local.files}/var-lib-nats.mount.tftpl", { device = local.device })
      },
    ],
    [for name in local.programs : {
      path        = "/opt/nats/${name}"
      permissions = "0755"
      content     = file("${local.files}/${name}")
    }],
    [for name in local.units : {
      path        = "/etc/systemd/system/${name}"
      permissions = "0644"
      content     = file("${local.files}/${name}")
    }],
  )

  user_data = join("\n", ["#cloud-config", yamlencode({
    locale     = "C.UTF-8"
    ssh_pwauth = false
    users = [{
      name           = "nats"
      system         = true
      homedir        = "/var/lib/nats"
      no_create_home = true
      shell          = "/usr/sbin/nologin"
    }]
    write_files = local.written
    runcmd = [
      ["systemctl", "daemon-reload"],
      concat(["systemctl", "enable", "nats.service"], [for unit in local.units : unit if endswith(unit, ".timer")]),
      concat(["systemctl", "start", "--no-block", "nats.service"], [for unit in local.units : unit if endswith(unit, ".timer")]),
    ]
  })])
}
