package io.raydp.lifecycle

/** What the lifecycle tells users: the problem, the likely cause and the fix, with the values last. */
object LifecycleMessages {

  def infeasible(fleet: FleetSnapshot): String = {
    val problem =
      if (fleet.demand.isDefined)
        "No node of the Ray cluster could ever hold one executor, even if it were empty. Request fewer cores or less " +
          "memory per executor, or add a larger node."
      else
        "Ray has not reserved the placement group of the executors again: nodes of the group are gone, or it was " +
          "removed. Add nodes, or start the application again without the group."
    s"$problem If a node needs longer to join, raise spark.raydp.executor.infeasibleTimeout. " +
      sentence(fleet.growth.said) +
      s"Waited ${seconds(fleet.infeasibleSince.fold(0L)(fleet.now - _) / 1000 * 1000)}" +
      fleet.demand.fold("")(demand => s"; one executor demands ${resources(demand)}") +
      s"; the nodes have ${nodes(fleet.nodes)}"
  }

  def cannotStart(failures: StartFailures): String =
    if (failures.hopeless) s"Executors do not start, and none runs. ${failures.lastReason}"
    else
      s"Executors do not start: ${failures.count} in a row failed and none runs. Fix the cause that the last one " +
        s"reported, or raise spark.raydp.executor.maxConsecutiveFailures. ${failures.lastReason}"

  def waitingForNode(pending: Int, fleet: FleetSnapshot, demand: Map[String, Double]): String = {
    val waiting = if (pending == 1) "1 executor waits" else s"$pending executors wait"
    s"No node of the Ray cluster could hold an executor, so $waiting for one that can. " +
      "The application fails if none joins in time (spark.raydp.executor.infeasibleTimeout): waits " +
      s"${seconds(fleet.infeasibleUntil.fold(0L)(_ - fleet.now))}; each executor demands ${resources(demand)}; the " +
      s"nodes have ${nodes(fleet.nodes)}"
  }

  def waitingForResources(pending: Int, demand: Map[String, Double], known: Vector[NodeResources]): String =
    s"Ray has not started $pending executor${plural(pending)} yet: other work uses the cluster's resources " +
      "(`ray status` shows which), or the cluster is still growing. The application continues with the executors that " +
      s"it has. Each executor demands ${resources(demand)}; the nodes have in total ${nodes(known)}"

  def notRegistered(id: Int, timeout: Long, place: String): String =
    s"Executor $id did not register with the driver within ${seconds(timeout)} (spark.raydp.executor.startTimeout). " +
      s"Its process runs, but it cannot reach the driver or gets too little CPU time. It is on $place"

  def noProcess(id: Int, timeout: Long, capacity: String): String =
    s"Ray starts no process for executor $id. $capacity, but no process started within ${seconds(timeout)} " +
      "(spark.raydp.executor.startTimeout). Probably the jars are not at the same paths on the cluster's nodes as on " +
      "the driver's node, or Java does not start there. Java's output is in raylet.err in Ray's log folder on the nodes"

  val capacityOnCluster: String = "The cluster has the capacity for it"

  val capacityInGroup: String = "Its bundle of the placement group is reserved (unless something else uses it)"

  val checksCapacity: String = "Ray did not start it for long; raydp checks whether the cluster has the capacity"

  def javaDoesNotStart(java: String, options: String, said: String): String =
    "The executors' JVM does not start with its options. Correct spark.executor.extraJavaOptions or " +
      s"spark.executor.defaultJavaOptions. Java: $java; options: $options; its output:\n$said"

  def waitsForShuffleService(host: String, memory: Long): String =
    s"it waits for the shuffle service of its host, which Ray has not started: the node needs ${memory >> 20} MiB of " +
      s"memory (spark.raydp.shuffleService.memory) in addition to its executors'. Host: $host"

  def shuffleServiceLost(host: String, reason: String): String =
    s"the shuffle service of its host ended, and the shuffle files there with it. Host: $host; reason: $reason"

  def rddsNeedPort(key: String, port: String): String =
    "To read cached blocks from shuffle services, Spark's driver needs one port for all hosts. Set " +
      s"$port, or remove the other setting. Setting: $key"

  def unreachable(address: String, reason: String): String =
    "Ray cannot be reached. Check that the cluster runs (`ray status`), that this is its GCS address, and that no " +
      s"firewall blocks it. Address: $address; error: $reason"

  def unfitRay: String =
    "This version of Ray cannot be joined in the way that raydp needs. Install the Ray version that raydp requires"

  def internal(error: Throwable): String =
    s"The application cannot continue because of an unexpected error; its stack is in the driver's log. Error: " +
      s"${error.getClass.getName}: ${ActorWatch.describe(error)}"

  def notRequested(error: Throwable): String = s"It could not be requested from Ray: ${ActorWatch.describe(error)}"

  def noAddress: String =
    "The master URL 'ray' stands for the Ray cluster of this process, but this process has none. Use ray:HOST:PORT " +
      "with the cluster's GCS address, or set RAY_ADDRESS"

  def rayClient(url: String): String =
    "ray:// is the scheme of Ray Client, not a Spark master. Use 'ray' for the cluster that this process is " +
      s"connected to, or 'ray:HOST:PORT' with the cluster's GCS address (port 6379 by default). Master: $url"

  def malformedMaster(url: String): String =
    s"This Spark master URL is malformed. Use 'ray' or 'ray:HOST:PORT' with a GCS address. Master: $url"

  def appMasterLost(reason: String): String =
    s"The AppMaster is lost and is being replaced. The driver decides meanwhile; jobs continue. $reason"

  def appMasterAbandoned(attempts: Int, reason: String): String =
    s"The AppMaster could not be started in $attempts attempts. The driver decides from now on; jobs continue. Its log " +
      s"is in Ray's log folder on the driver's node. Last error: $reason"

  def nothingToResize: String = "No application on Ray runs in this JVM, so there are no executors to add or remove"

  def malformedRuntimeEnv(reason: String): String =
    "spark.raydp.runtimeEnv must be a JSON object with fields of Ray's runtime_env, such as " +
      s"""{"env_vars": {"NAME": "value"}}. $reason"""

  def unreadableResources(reason: String): String =
    s"The executors' resources cannot be read from the configuration. Correct the setting: $reason"

  def fractional(name: String, amount: Double): String =
    s"Ray accepts only whole amounts of a resource above 1. Use a whole number. Resource: $name; amount: $amount"

  def resources(amounts: Map[String, Double]): String =
    amounts.toVector.filter(_._2 > 0).sortBy(_._1).map { case (name, amount) =>
      s"$name ${quantity(name, amount)}"
    }.mkString(", ")

  private def nodes(known: Vector[NodeResources]): String =
    if (known.isEmpty) "nothing (no node is alive)"
    else known.map(node => s"${node.address}: ${resources(node.total.filterNot(isInternal))}").mkString("; ")

  private def isInternal(resource: (String, Double)): Boolean =
    resource._1.startsWith("node:") || resource._1.contains("_group_") || resource._1 == "object_store_memory"

  private def quantity(name: String, amount: Double): String =
    if (name == "memory") f"${amount / (1 << 20)}%.0f MiB"
    else if (amount == math.rint(amount)) f"$amount%.0f"
    else amount.toString

  private def seconds(millis: Long): String =
    if (millis % 1000 == 0) s"${millis / 1000} s" else s"${millis / 1000.0} s"

  private def sentence(said: String): String = if (said.isEmpty) "" else s"$said. "

  private def plural(count: Int): String = if (count == 1) "" else "s"
}
