package io.raydp

import io.raydp.collections.LaterMethods

package object configuration extends LaterMethods
